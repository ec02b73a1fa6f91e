"""The page of the feature catalogue, written from the features: `make dictionary`."""

from pathlib import Path
import sys

from src.features.catalogue import PEERS, PROFILE, Catalogue, Feature
from src.features.families import CORE_NAMES, read_catalogue

__all__ = ["feature_page"]

_HEAD = """# Features

The columns of `profiles`, one row per customer with an order by the as-of date. Written from the
feature catalogue by `make dictionary`; a test keeps both in step. Days are those of UTC, a window
of 30 days holds the as-of day and the 29 before it, and nothing after the as-of day is used.
`_value` is shop currency, `_share` runs from 0 to 1.

A *window* of `observation` is as long as 03_tag's parameter `observation_days` says; `all` is the
whole history. *needs* names the tables that a feature comes from. *without* is what a customer gets
who has no row there, or nothing to count: 0, or empty. A feature in **bold** belongs to the core,
which every run computes; of the others, 03_tag takes the families that its parameter `families`
names, and leaves out those whose tables are empty by the as-of date.
"""

_OWN = """## A shop's own features

A package of the shop's own adds features without a change here. It names a module under the entry
point group `campanile.features`; every feature and relation in that module joins the catalogue, the
contract of `profiles`, the tag rules and this page.

```toml
[project.entry-points."campanile.features"]
my_shop = "my_shop.features"
```

```python
from src.features.catalogue import feature


@feature(
    "max_discount_value",
    family="my_shop",
    relation="lines",
    type="float64",
    unit="shop currency",
    meaning="Largest discount on one order line.",
)
def max_discount(lines):  # one row per order line; aggregate by customer
    return lines.discount_minor.max() / 100


@feature(
    "spend_per_item",
    family="my_shop",
    relation="profile",
    type="float64",
    unit="shop currency",
    meaning="Mean value of an order line.",
    uses=("monetary_value", "items_per_order"),
)
def spend_per_item(profile):  # one row per customer, with the columns of `uses`
    return profile.monetary_value / profile.items_per_order
```

A relation that is not above is a `Relation` of `src.features.relations`: a name, the tables it
needs, and a function of these tables and a `Setting`, whose `as_of_date` it must keep. Sums should
be of integers (cents, counts), divided once, so that the order of rows changes nothing.
"""


def feature_page(catalogue: Catalogue | None = None) -> str:
    """Describe every feature and relation in Markdown.

    Parameters
    ----------
    catalogue : Catalogue, optional
        What is described; else all features there are, those of installed packages included.
    """
    catalogue = catalogue or read_catalogue()
    parts = [_HEAD]
    for family in catalogue.families:
        rows = [_row(one, catalogue) for one in catalogue.features if one.family == family]
        parts.append(
            f"## {family}\n\n| column | type | unit | window | meaning | needs | without |\n"
            "|---|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
        )
    return "\n".join([*parts, _relations(catalogue), _OWN])


def _row(one: Feature, catalogue: Catalogue) -> str:
    name = f"**`{one.name}`**" if one.name in CORE_NAMES else f"`{one.name}`"
    window = _window(one, catalogue)
    meaning = f"{one.meaning} (package {one.package})" if one.package else one.meaning
    needs = ", ".join(catalogue.inputs_of(one.name))
    cells = (name, one.type, one.unit, window, meaning, needs, _without(one))
    return f"| {' | '.join(cells)} |"


def _window(one: Feature, catalogue: Catalogue) -> str:
    if one.window_days:
        return f"{one.window_days} days"
    observed = {relation.name for relation in catalogue.relations if relation.is_observed}
    return "observation" if one.relation in observed else "all"


def _without(one: Feature) -> str:
    if one.fill is not None:
        return f"{one.fill:g}"
    return "empty" if one.is_nullable else "–"


def _relations(catalogue: Catalogue) -> str:
    rows = [
        f"| `{relation.name}` | {relation.rows} | {', '.join(relation.needs)} |"
        for relation in catalogue.relations
    ]
    return (
        "## Relations\n\nWhat features are aggregated from, each in one pass. Beside these, "
        f"`{PROFILE}` is for features that follow from\nothers of the same customer, `{PEERS}` for "
        "those that compare all customers.\n\n"
        "| relation | a row is | needs |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(feature_page(), encoding="utf-8")
