"""Every table of a run as data: who writes it, what a row is, what its columns mean."""

from src.data.campaign_tables import CAMPAIGNS, MODELS, TAG
from src.data.contract import Table
from src.data.picture_tables import PICTURES
from src.data.shop_tables import CLEAN, INGEST
from src.errors import StageOrderError

__all__ = ["STAGES", "TABLES", "table_contract"]

STAGES = (
    "01_ingest",
    "02_clean",
    "03_tag",
    "04a_segment",
    "04b_purchase",
    "04c_value",
    "04d_uplift",
    "04e_recommend",
    "05_decide",
    "06_campaign",
    "07_send",
    "08_measure",
)

TABLES: dict[str, Table] = {
    table.name: table for table in (*INGEST, *CLEAN, *TAG, *PICTURES, *MODELS, *CAMPAIGNS)
}


def table_contract(name: str) -> Table:
    """Look a table up.

    Raises
    ------
    StageOrderError
        If no stage writes a table of that name.
    """
    if name not in TABLES:
        raise StageOrderError(
            f"Expected one of the tables {sorted(TABLES)}, found {name!r}; "
            "name a table of the data dictionary."
        )
    return TABLES[name]
