"""Pictures of a shop's products, as a stage looks at them: found, read, tagged, told in words."""

from dataclasses import dataclass

from ibis.expr.types import Table
import pandas as pd

from src.features.images.extra import find_missing
from src.features.images.products import build_picture_tags, build_product_pictures, find_pictures
from src.features.images.readings import find_parts, read_readings
from src.root import PROJECT_ROOT

__all__ = ["ShopPictures", "describe_pictures", "look_at_products"]

_N_TAGS = 8


@dataclass(frozen=True)
class ShopPictures:
    """What the pictures of a shop's products show.

    Parameters
    ----------
    products : pandas.DataFrame
        `product_pictures`: one row per product that has a picture.
    tags : pandas.DataFrame
        `picture_tags`: one row per product and tag.
    n_products : int
        Products of the shop, those without a picture included.
    """

    products: pd.DataFrame
    tags: pd.DataFrame
    n_products: int


def look_at_products(products: Table, folder: str, cache: str) -> ShopPictures:
    """Look at the pictures of products; without a folder there are none.

    Parameters
    ----------
    products : ibis.Table
        As in its contract.
    folder : str
        Where the pictures lie, a relative path from the project root; empty: nowhere.
    cache : str
        Folder of what was seen before, a relative path from the project root.

    Raises
    ------
    ParameterError
        If there is no such folder.
    """
    named = products.select("product_id", "image_url").order_by("product_id").to_pandas()
    found = find_pictures(named, PROJECT_ROOT / folder) if folder else {}
    readings = read_readings(found, PROJECT_ROOT / cache, find_parts() if found else ())
    pictures = build_product_pictures(readings)
    return ShopPictures(pictures, build_picture_tags(pictures), len(named))


def describe_pictures(pictures: ShopPictures) -> str:
    """Say in words how many products have a picture, and what the pictures show; Markdown."""
    shown = pictures.products
    if shown.empty:
        return "No pictures of products are known: interests are those in departments alone."
    n_refused = int(shown["refusal"].notna().sum())
    counts = pictures.tags["picture_tag"].value_counts().rename_axis("tag").reset_index()
    counts = counts.sort_values(["count", "tag"], ascending=[False, True]).head(_N_TAGS)
    tags = ", ".join(f"{row.tag} ({row.count})" for row in counts.itertuples(index=False))
    only_colors = " Only colours were told, for the extra `vision` is not installed: make vision."
    return (
        f"**{len(shown):,} of {pictures.n_products:,} products have a picture**, {n_refused:,} of "
        f"which could not be read. The commonest tags: {tags or 'none'}."
        f"{only_colors if find_missing() else ''}"
    )
