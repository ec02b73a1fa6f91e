"""Product pages of one's own shop: crawled by a child process, landed whole each time."""

from collections.abc import Callable
import json
import logging
from pathlib import Path
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq

from src.errors import SourceError
from src.root import PROJECT_ROOT
from src.sources.landed import Landed
from src.sources.loads import open_loads
from src.sources.origins import WebOrigin
from src.sources.uniform import rows_to_table

__all__ = ["land_web"]

logger = logging.getLogger(__name__)

_MAX_FAILED_SHARE = 0.1


def land_web(
    source_name: str, place: str, origin: WebOrigin, folder: Path, tell: Callable[[int], None]
) -> Landed:
    """Bring the products that a shop's own pages describe into reach as a Parquet file.

    Parameters
    ----------
    source_name : str
        Name of the shop.
    place : str
        Raw table that it feeds, for the words of an error.
    origin : WebOrigin
        Sitemap, and how fast to read.
    folder : Path
        Where the file is kept, for this origin alone.
    tell : callable
        Is told how many products were found.

    Returns
    -------
    Landed
        One row per schema.org `Product`: product_id, product_name, category, brand,
        list_value, currency, product_url, image_url, availability.

    Raises
    ------
    SourceError
        If the site cannot be reached, more than a tenth of its pages fail, or none has a
        product; what was landed before stays.
    """
    shown = origin.sitemap.partition("?")[0]
    with open_loads(folder, f"web {origin.sitemap}") as loads:
        products, counts = _crawl(origin, loads.work)
        _check(shown, place, counts, len(products))
        logger.info("%s: %d products, %s", shown, len(products), counts)
        prepared = loads.work / "prepared"
        prepared.mkdir()
        pq.write_table(rows_to_table(products), prepared / "part-00000.parquet")
        loads.publish(prepared, replaces=True)
        tell(len(products))
        return loads.landed(urlsplit(shown).hostname or shown, shown, len(products))


def _crawl(origin: WebOrigin, work: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Let a child process read the pages: a crawler cannot be started twice in one process."""
    task = {"work": str(work), **origin.model_dump()}
    command = [sys.executable, "-m", "src.sources.web_spider"]
    with subprocess.Popen(  # noqa: S603 (our own module)
        command,
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            child.stdin.write(json.dumps(task).encode() + b"\n")
            child.stdin.flush()  # stays open: the child ends when this process does
            child.wait()
        finally:
            child.kill()
    counts_file, products_file = work / "counts.json", work / "products.jsonl"
    counts = json.loads(counts_file.read_text()) if counts_file.is_file() else {"broke": "itself"}
    lines = products_file.read_text("utf-8").splitlines() if products_file.is_file() else []
    return [json.loads(line) for line in lines], counts


def _check(shown: str, place: str, counts: dict[str, Any], n_products: int) -> None:
    """Refuse a crawl that would replace good rows by a part of them."""
    broke = counts.get("broke")
    n_pages, n_failed = counts.get("pages", 0), counts.get("failed", 0)
    if broke:
        found = f"that {broke} cannot be read"
    elif n_failed > _MAX_FAILED_SHARE * (n_pages + n_failed):
        found = f"{n_failed} of {n_pages + n_failed} pages that fail"
    elif not n_products:
        found = f"no JSON-LD Product on {n_pages} pages that may be read"
    else:
        return
    raise SourceError(
        f"Expected product pages by {shown} for tables.{place}, found {found}; see that the site "
        "answers, that robots.txt allows it, and that web.sitemap is right."
    )
