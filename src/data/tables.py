"""Every table of a run as data: who writes it, what a row is, what its columns mean."""

from src.data.contract import Column, Table
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

_CUSTOMER = Column("customer_id", "string", "Pseudonym of the customer: a keyed hash.")
_PRODUCT = Column("product_id", "string", "Shop's product number.")
_CAMPAIGN = Column("campaign_id", "string", "Name of the campaign.")
_ACTION = Column("action", "string", "Arm of the experiment; `control` is an arm.")
_SOURCE_ROW = Column("source_row", "int64", "Row number in the source, from 0.")
_AS_OF = Column("as_of_date", "date", "Last day whose facts were used.")


def _text(name: str, meaning: str, is_nullable: bool = False) -> Column:
    return Column(name, "string", meaning, is_nullable=is_nullable)


def _any(name: str, meaning: str) -> Column:
    return Column(name, "any", meaning)


def _count(name: str, meaning: str, unit: str = "count") -> Column:
    return Column(name, "int64", meaning, unit=unit)


def _real(name: str, meaning: str, unit: str, is_nullable: bool = False) -> Column:
    return Column(name, "float64", meaning, unit=unit, is_nullable=is_nullable)


def _value(name: str, meaning: str, is_nullable: bool = False) -> Column:
    return _real(name, meaning, "shop currency", is_nullable)


def _share(name: str, meaning: str, is_nullable: bool = False) -> Column:
    return _real(name, meaning, "0-1", is_nullable)


def _flag(name: str, meaning: str) -> Column:
    return Column(name, "boolean", meaning)


def _time(name: str, meaning: str, is_nullable: bool = False) -> Column:
    return Column(name, "timestamp", meaning, unit="UTC", is_nullable=is_nullable)


_DEMOGRAPHICS = (
    _text("age_band", "Age of the head of household.", True),
    _text("income_band", "Household income.", True),
    _text("home_ownership", "Owner or renter.", True),
    _text("marital_status", "Married or not.", True),
    _text("household_size", "Persons in the household.", True),
    _text("household_composition", "Adults and children.", True),
    _text("kids_band", "Number of children.", True),
)

_INGEST = (
    Table(
        "sources",
        "01_ingest",
        "one row per source file or query",
        ("source_table",),
        (
            _text("source_table", "Name in the source file."),
            _text("raw_table", "Raw table it became; empty if only registered.", True),
            _text("location", "File name or query, without machine path or secret."),
            _count("n_rows", "Rows found."),
            _count("n_bytes", "Size of the file.", "bytes"),
            _text("sha256", "Hash of the file's bytes."),
        ),
    ),
    Table(
        "orders_raw",
        "01_ingest",
        "one row per order line as the source has it",
        ("source_row",),
        (
            _SOURCE_ROW,
            _any("order_id", "Order number."),
            _any("customer_id", "Pseudonym."),
            _any("product_id", "Product number."),
            _any("store_id", "Store number."),
            _any("ordered_at", "Time of the order."),
            _any("quantity", "Pieces."),
            _any("line_value", "What the shop receives for the line."),
            _any("discount", "Price cut granted by the shop."),
            _any("coupon", "Coupon paid for by somebody else."),
        ),
    ),
    Table(
        "products_raw",
        "01_ingest",
        "one row per product as the source has it",
        ("source_row",),
        (
            _SOURCE_ROW,
            _any("product_id", "Product number."),
            _any("department", "Department."),
            _any("category", "Category."),
            _any("product_type", "Kind of product."),
            _any("brand", "Brand."),
            _any("manufacturer_id", "Maker."),
            _any("package_size", "Size of the package."),
        ),
    ),
    Table(
        "customers_raw",
        "01_ingest",
        "one row per customer as the source has it",
        ("source_row",),
        (
            _SOURCE_ROW,
            _any("customer_id", "Pseudonym."),
            *(_any(column.name, column.meaning) for column in _DEMOGRAPHICS),
        ),
    ),
    Table(
        "events_raw",
        "01_ingest",
        "one row per event as the source has it",
        ("source_row",),
        (
            _SOURCE_ROW,
            _any("customer_id", "Pseudonym."),
            _any("event_type", "Kind of event."),
            _any("event_at", "Time of the event."),
            _any("product_id", "Product number."),
            _any("campaign_id", "Campaign number."),
        ),
    ),
    Table(
        "reviews_raw",
        "01_ingest",
        "one row per review as the source has it",
        ("source_row",),
        (
            _SOURCE_ROW,
            _any("customer_id", "Pseudonym."),
            _any("product_id", "Product number."),
            _any("reviewed_at", "Time of the review."),
            _any("rating", "Rating."),
            _any("review_text", "Text."),
        ),
    ),
    Table(
        "exposures_raw",
        "01_ingest",
        "one row per past contact as the source has it",
        ("source_row",),
        (
            _SOURCE_ROW,
            _any("customer_id", "Pseudonym."),
            _any("campaign_id", "Campaign number."),
            _any("exposed_at", "First day."),
            _any("ended_at", "Last day."),
            _any("action", "What was sent."),
            _any("is_randomised", "Drawn at random."),
            _any("pscore", "Probability of the draw."),
        ),
    ),
)

_CLEAN = (
    Table(
        "customers",
        "02_clean",
        "one row per customer",
        ("customer_id",),
        (_CUSTOMER, *_DEMOGRAPHICS),
    ),
    Table(
        "orders",
        "02_clean",
        "one row per order line that can be trusted",
        ("order_id", "line_number"),
        (
            _text("order_id", "Shop's order number."),
            _count("line_number", "Line within the order, from 1.", "rank"),
            _CUSTOMER,
            _PRODUCT,
            _text("store_id", "Where it was bought.", True),
            _time("ordered_at", "When the order was paid."),
            _count("quantity", "Pieces, or thousandths of a gallon for fuel.", "pieces"),
            _count(
                "line_value_minor",
                "What the shop receives: after its own discounts, before tax.",
                "cents",
            ),
            _count("discount_minor", "Price cut granted by the shop.", "cents"),
            _count("coupon_minor", "Coupon paid for by somebody else.", "cents"),
            _flag("is_discounted", "Any price cut or coupon applied."),
            _flag("is_outlier", "Quantity above the ceiling of 02_clean; kept, but flagged."),
        ),
        (
            "quantity > 0",
            "line_value_minor >= 0",
            "discount_minor >= 0",
            "coupon_minor >= 0",
            "is_discounted = (discount_minor + coupon_minor > 0)",
        ),
    ),
    Table(
        "products",
        "02_clean",
        "one row per product",
        ("product_id",),
        (
            _PRODUCT,
            _text("department", "Department of the shop.", True),
            _text("category", "Category.", True),
            _text("product_type", "Kind of product.", True),
            _text("brand", "National or private brand.", True),
            _text("manufacturer_id", "Maker.", True),
            _text("package_size", "Size.", True),
        ),
    ),
    Table(
        "events",
        "02_clean",
        "one row per customer event",
        ("event_id",),
        (
            _text("event_id", "Row number in the source."),
            _CUSTOMER,
            _text("event_type", "view, click, favourite, cart, coupon_redeemed."),
            _time("event_at", "When it happened."),
            _text("product_id", "Product number.", True),
            _text("campaign_id", "Campaign that caused it.", True),
        ),
    ),
    Table(
        "reviews",
        "02_clean",
        "one row per review",
        ("review_id",),
        (
            _text("review_id", "Row number in the source."),
            _CUSTOMER,
            _text("product_id", "Product number.", True),
            _time("reviewed_at", "When written."),
            _real("rating", "Rating as given.", "stars", True),
            _text("review_text", "Text."),
        ),
    ),
    Table(
        "exposures",
        "02_clean",
        "one row per customer and past campaign",
        ("campaign_id", "customer_id"),
        (
            _CAMPAIGN,
            _CUSTOMER,
            _time("exposed_at", "First moment of the contact."),
            _time("ended_at", "Last moment of the campaign.", True),
            _ACTION,
            _flag("is_randomised", "Drawn at random with a known probability."),
            _share("pscore", "That probability.", True),
        ),
        ("NOT is_randomised OR (pscore > 0 AND pscore <= 1)", "ended_at >= exposed_at"),
    ),
    Table(
        "rejected",
        "02_clean",
        "one row per source row that was not used",
        ("source_table", "source_row"),
        (
            _text("source_table", "Raw table it came from."),
            _SOURCE_ROW,
            _text("rule", "Name of the rule that refused it."),
            _text("reason", "Why, in words."),
            _text("row", "The row as JSON."),
        ),
    ),
)

_TAG = (
    Table(
        "profiles",
        "03_tag",
        "one row per customer with an order by the as-of date",
        ("customer_id",),
        (
            _CUSTOMER,
            _AS_OF,
            _count("recency_days", "Days since the last order.", "days"),
            _count("frequency", "Orders so far, the first included.", "orders"),
            _value("monetary_value", "Mean order value."),
            _count("r_score", "Recency score, 5 is best.", "1-5"),
            _count("f_score", "Frequency score, 5 is best.", "1-5"),
            _count("m_score", "Monetary score, 5 is best.", "1-5"),
            _count("tenure_days", "Days since the first order.", "days"),
            _count("n_orders_30", "Orders in the last 30 days.", "orders"),
            _count("n_orders_90", "Orders in the last 90 days.", "orders"),
            _count("n_orders_365", "Orders in the last 365 days.", "orders"),
            _value("spend_30_value", "Spend in the last 30 days."),
            _value("spend_90_value", "Spend in the last 90 days."),
            _value("spend_365_value", "Spend in the last 365 days."),
            _value("spend_prior_90_value", "Spend in the 90 days before the last 90."),
            _real("items_per_order", "Mean order lines per order.", "lines"),
            _real("gap_mean_days", "Mean days between days with an order.", "days", True),
            _real("gap_std_days", "Spread of those gaps.", "days", True),
            _real("overdue_ratio", "Recency over the mean gap.", "ratio", True),
            _share("discount_share", "Discount and coupons over the undiscounted price.", True),
            _share("discounted_lines_share", "Order lines bought at a discount."),
            _share("private_brand_share", "Spend on private brand.", True),
            _share("weekend_share", "Orders on Saturday or Sunday."),
            _share("evening_share", "Orders from 17:00 UTC on."),
            _count("n_stores", "Stores visited."),
            _count("n_departments", "Departments bought from."),
            _text("top_department", "Department with most spend.", True),
            _share("top_department_share", "Its share of spend.", True),
            _real("department_entropy", "Breadth of spend over departments.", "nats", True),
            _count("n_redemptions_365", "Coupons redeemed in the last 365 days."),
            _count("n_exposures_365", "Past campaigns addressed to the customer in 365 days."),
            _text("lifecycle", "new, active, slipping, lapsed."),
            *_DEMOGRAPHICS,
        ),
        (
            "recency_days >= 0",
            "tenure_days >= recency_days",
            "frequency >= n_orders_365",
            "n_orders_365 >= n_orders_90",
            "n_orders_90 >= n_orders_30",
            "r_score BETWEEN 1 AND 5",
            "f_score BETWEEN 1 AND 5",
            "m_score BETWEEN 1 AND 5",
            "discount_share BETWEEN 0 AND 1",
            "weekend_share BETWEEN 0 AND 1",
            "top_department_share BETWEEN 0 AND 1.0000001",
        ),
    ),
    Table(
        "interests",
        "03_tag",
        "one row per customer and department bought from",
        ("customer_id", "department"),
        (
            _CUSTOMER,
            _text("department", "Department of the shop."),
            _value("spend_value", "Spend in the observation window."),
            _share("spend_share", "Its share of the customer's spend."),
            _count("last_days", "Days since the last purchase there.", "days"),
        ),
        ("spend_share BETWEEN 0 AND 1.0000001", "last_days >= 0"),
    ),
    Table(
        "tags",
        "03_tag",
        "one row per customer and tag that applies",
        ("customer_id", "tag"),
        (_CUSTOMER, _text("tag", "Name of the tag in the rules file."), _AS_OF),
    ),
)

_MODELS = (
    Table(
        "segments",
        "04a_segment",
        "one row per customer",
        ("customer_id",),
        (
            _CUSTOMER,
            _text("segment", "Segment, exactly one per customer: its name in words."),
        ),
    ),
    Table(
        "purchase_scores",
        "04b_purchase",
        "one row per customer",
        ("customer_id",),
        (
            _CUSTOMER,
            _share("p_purchase", "Probability of an order in the outcome window, as logged."),
            _share("p_churn", "Probability of no order in the outcome window."),
            _text("model", "Which candidate made it."),
        ),
        ("p_purchase BETWEEN 0 AND 1", "abs(p_purchase + p_churn - 1) < 1e-9"),
    ),
    Table(
        "value_scores",
        "04c_value",
        "one row per customer",
        ("customer_id",),
        (
            _CUSTOMER,
            _share("p_alive", "Probability of not having dropped out (BG/NBD)."),
            _real("expected_orders", "Expected days with an order over the horizon.", "orders"),
            _value("expected_order_value", "Expected value of one of them (revenue)."),
            _value("clv", "Expected discounted margin over the horizon."),
        ),
        ("p_alive BETWEEN 0 AND 1", "expected_orders >= 0", "clv >= 0"),
    ),
    Table(
        "uplift_scores",
        "04d_uplift",
        "one row per customer and action",
        ("customer_id", "action"),
        (
            _CUSTOMER,
            _ACTION,
            _value("uplift_value", "Effect on margin per contact; empty if unknown.", True),
            _value("lower", "Lower end of its interval.", True),
            _value("upper", "Upper end of its interval.", True),
            _text("basis", "`t_learner`, or `no_randomised_history`."),
        ),
        ("lower <= upper",),
    ),
    Table(
        "recommendations",
        "04e_recommend",
        "one row per customer and rank",
        ("customer_id", "rank"),
        (
            _CUSTOMER,
            _count("rank", "1 is best.", "rank"),
            _PRODUCT,
            _real("score", "Higher is better; comparable within a customer.", "score"),
            _text("reason", "Why, in words."),
        ),
        ("rank >= 1",),
    ),
)

_CAMPAIGNS = (
    Table(
        "decisions",
        "05_decide",
        "one row per customer",
        ("customer_id",),
        (
            _CUSTOMER,
            _CAMPAIGN,
            _flag("is_eligible", "May be contacted at all."),
            _flag("is_holdout", "Never contacted by any campaign."),
            _text("action", "Arm drawn; `control` is an arm; `none` outside the experiment."),
            _share("pscore", "Probability with which that arm was drawn.", True),
            _flag("is_exploration", "Drawn to learn rather than by the policy."),
            _value("expected_profit_value", "Expected incremental profit of the action.", True),
            _text("reason", "Why, in words."),
        ),
        (
            "pscore > 0 AND pscore <= 1",
            "(action = 'none') = (pscore IS NULL)",
            "NOT is_holdout OR action = 'none'",
            "is_eligible OR action = 'none'",
        ),
    ),
    Table(
        "messages",
        "06_campaign",
        "one row per planned message",
        ("message_key",),
        (
            _text("message_key", "Keyed hash of campaign, step, customer and channel."),
            _CAMPAIGN,
            _count("step", "Step within the campaign, from 1.", "rank"),
            _CUSTOMER,
            _text("channel", "email."),
            _ACTION,
            _text("template", "Template file."),
            _text("subject", "Subject; personal fields still placeholders."),
            _text("html", "HTML body; personal fields still placeholders."),
            _text("text", "Plain-text body; personal fields still placeholders."),
            _text("content_sha256", "Hash of subject and bodies."),
        ),
        ("step >= 1",),
    ),
    Table(
        "send_log",
        "07_send",
        "one row per message and attempt that ended",
        ("message_key", "attempt"),
        (
            _text("message_key", "As in messages."),
            _CAMPAIGN,
            _CUSTOMER,
            _text("channel", "Channel used."),
            _count("attempt", "From 1; 0 if never tried.", "rank"),
            _text("state", "State of the message afterwards."),
            _text("reason", "Why, where it was not sent.", True),
            _time("attempted_at", "When, on the run's clock."),
        ),
        ("attempt >= 0",),
    ),
    Table(
        "campaign_results",
        "08_measure",
        "one row per campaign, segment, arm and metric",
        ("campaign_id", "segment", "arm", "metric"),
        (
            _CAMPAIGN,
            _text("segment", "Segment, or `all`."),
            _text("arm", "Action compared with control, or `any_action`."),
            _text("metric", "What was compared."),
            _real("estimate", "Treated minus control, or its total.", "per metric"),
            _real("lower", "Lower end of the interval.", "per metric"),
            _real("upper", "Upper end of the interval.", "per metric"),
            _share("level", "Level of the interval."),
            _count("n_treated", "Customers assigned to the arm."),
            _count("n_control", "Customers assigned to control."),
            _text("method", "How it was estimated."),
        ),
        ("lower <= estimate", "estimate <= upper", "level > 0 AND level < 1"),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table for table in (*_INGEST, *_CLEAN, *_TAG, *_MODELS, *_CAMPAIGNS)
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
