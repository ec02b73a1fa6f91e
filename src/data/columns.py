"""Columns in a word each: what the table contracts are written in."""

from src.data.contract import Column

__all__ = [
    "ACTION",
    "AS_OF",
    "CAMPAIGN",
    "CUSTOMER",
    "DEMOGRAPHICS",
    "LOCATION",
    "PRODUCT",
    "SOURCE_ROW",
    "count",
    "date",
    "flag",
    "real",
    "reals",
    "share",
    "text",
    "time",
    "untyped",
    "value",
]

CUSTOMER = Column("customer_id", "string", "Pseudonym of the customer: a keyed hash.")
PRODUCT = Column("product_id", "string", "Shop's product number.")
CAMPAIGN = Column("campaign_id", "string", "Name of the campaign.")
ACTION = Column("action", "string", "Arm of the experiment; `control` is an arm.")
SOURCE_ROW = Column("source_row", "int64", "Row number in the source, from 0.")
AS_OF = Column("as_of_date", "date", "Last day whose facts were used.")


def text(name: str, meaning: str, is_nullable: bool = False) -> Column:
    """Describe a text column."""
    return Column(name, "string", meaning, is_nullable=is_nullable)


def untyped(name: str, meaning: str) -> Column:
    """Describe a column of a raw table: as the source has it."""
    return Column(name, "any", meaning)


def count(name: str, meaning: str, unit: str = "count") -> Column:
    """Describe a whole number."""
    return Column(name, "int64", meaning, unit=unit)


def real(name: str, meaning: str, unit: str, is_nullable: bool = False) -> Column:
    """Describe a real number."""
    return Column(name, "float64", meaning, unit=unit, is_nullable=is_nullable)


def reals(name: str, meaning: str, unit: str, is_nullable: bool = False) -> Column:
    """Describe a list of real numbers in each row."""
    return Column(name, "floats", meaning, unit=unit, is_nullable=is_nullable)


def value(name: str, meaning: str, is_nullable: bool = False) -> Column:
    """Describe an amount in shop currency."""
    return real(name, meaning, "shop currency", is_nullable)


def share(name: str, meaning: str, is_nullable: bool = False) -> Column:
    """Describe a number from 0 to 1."""
    return real(name, meaning, "0-1", is_nullable)


def flag(name: str, meaning: str) -> Column:
    """Describe a flag."""
    return Column(name, "boolean", meaning)


def date(name: str, meaning: str, is_nullable: bool = False) -> Column:
    """Describe a day."""
    return Column(name, "date", meaning, is_nullable=is_nullable)


def time(name: str, meaning: str, is_nullable: bool = False) -> Column:
    """Describe a moment in UTC."""
    return Column(name, "timestamp", meaning, unit="UTC", is_nullable=is_nullable)


DEMOGRAPHICS = (
    text("age_band", "Age of the head of household.", True),
    text("income_band", "Household income.", True),
    text("home_ownership", "Owner or renter.", True),
    text("marital_status", "Married or not.", True),
    text("household_size", "Persons in the household.", True),
    text("household_composition", "Adults and children.", True),
    text("kids_band", "Number of children.", True),
)
LOCATION = (
    text("country", "Country of the customer.", True),
    text("region", "State, province or region.", True),
    text("city", "Town or city.", True),
)
