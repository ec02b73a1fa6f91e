"""03 on a shop that has what the demo lacks: reviews, pictures, refunds, views, costs."""

import datetime as dt
import itertools
import json

from PIL import Image
import pyarrow.parquet as pq
import pytest
import yaml

from src.models.store import read_kept
from src.pipeline import run

pytestmark = [
    pytest.mark.notebook,
    pytest.mark.xdist_group("own runs"),
    pytest.mark.timeout(600),
]

CANARY = "wilburga@tee-kunde.example"
START = dt.datetime(2024, 1, 2, 10)
TEAS = {"assam": "BLACK", "sencha": "GREEN", "minze": "HERBAL"}
GOOD = ["lovely taste", "fast delivery", "friendly staff", "great price", "very good quality"]
BAD = ["awful taste", "slow delivery", "rude staff", "far too expensive", "poor quality"]
RULES = [
    ("fan", "Writes well of the shop.", "sentiment_mean >= 0.5"),
    ("looker", "Looks without buying.", "n_views_30 >= 1"),
    ("nobody", "Rule that holds for nobody.", "frequency > 1000"),
]


def orders():
    rows = []
    for customer, k in itertools.product(range(30), range(6)):
        tea = list(TEAS)[(customer + k) % 3]
        at = START + dt.timedelta(days=12 * k + customer % 7)
        rows.append((f"o{customer}-{k}", f"c{customer}", tea, at, 1 + k % 2, 4.5 + k))
    rows.append(("r1", "c1", "sencha", START + dt.timedelta(days=70), -1, -4.5))
    names = ("order_id", "customer_id", "product_id", "ordered_at", "quantity", "line_value")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def reviews():
    rows = []
    for n, (first, second) in enumerate(itertools.permutations(range(5), 2)):
        at = START + dt.timedelta(days=40 + n)
        for customer, words, stars in ((n % 15, GOOD, 5.0), (15 + n % 15, BAD, 1.0)):
            text = f"{words[first]}, {words[second]}, write to {CANARY}"
            rows.append((f"c{customer}", "assam", at, stars, text))
    names = ("customer_id", "product_id", "reviewed_at", "rating", "review_text")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def views():
    return {
        "customer_id": [f"c{n % 10}" for n in range(40)],
        "event_type": ["view"] * 40,
        "event_at": [START + dt.timedelta(days=70, minutes=7 * n) for n in range(40)],
        "product_id": ["minze"] * 40,
    }


@pytest.fixture(scope="module")
def everything(tmp_path_factory, keys, mlflow_store):
    """A run of 01 to 03, and its report."""
    import pyarrow as pa

    folder = tmp_path_factory.mktemp("everything")
    (folder / "pictures").mkdir()
    Image.new("RGB", (64, 48), (200, 0, 0)).save(folder / "pictures" / "assam.png")
    (folder / "pictures" / "sencha.png").write_bytes(b"no picture")
    tea = {
        "product_id": list(TEAS),
        "department": list(TEAS.values()),
        "unit_cost": [1.0, 2.0, None],
    }
    given = {"orders": orders(), "products": tea, "reviews": reviews(), "events": views()}
    tables = {}
    for name, columns in given.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
        tables[f"{name}_raw"] = {"file": name, "columns": {column: column for column in columns}}
    source = {"name": "tea", "currency": "EUR", "folder": str(folder), "tables": tables}
    (folder / "tea.yaml").write_text(yaml.safe_dump(source))
    rules = [
        {"name": name, "meaning": meaning, "rule": rule, "owner": "crm"}
        for name, meaning, rule in RULES
    ]
    (folder / "tags.yaml").write_text(yaml.safe_dump({"tags": rules}))
    return run(
        "params/smoke.yaml",
        str(folder / "run"),
        [
            f"01_ingest.source={folder / 'tea.yaml'}",
            "01_ingest.max_customers=0",
            "run.as_of_date='2024-03-31'",
            "02_clean.last_plausible_date='2024-12-31'",
            "02_clean.max_rejected_share=0.5",
            f"03_tag.tag_rules={folder / 'tags.yaml'}",
            "03_tag.encoder=none",
            f"03_tag.pictures_folder={folder / 'pictures'}",
        ],
        "01",
        "03",
    )


def read(run_folder, name):
    return pq.read_table(run_folder / "tables" / "03_tag" / name).to_pandas()


def test_reviews_reach_profiles_tags_and_the_report(everything):
    numbers = json.loads((everything / "results" / "03_tag.json").read_text())
    assert numbers["n_reviews"] == 40
    assert not {"text", "behaviour", "margin", "returns"} & set(numbers["families_left_out"])
    assert {"coupons", "demographics"} <= set(numbers["families_left_out"])
    profiles = read(everything, "profiles").set_index("customer_id")
    assert profiles["n_reviews_365"].sum() == 40
    tags = read(everything, "tags")
    assert (tags["tag"] == "fan").sum() == 15, "c0 to c14 wrote well"
    assert "nobody" not in set(tags["tag"])
    report = (everything / "report" / "03_tag.html").read_text(encoding="utf-8")
    assert "with a sentiment" in report
    assert "delivery" in report
    for text in (report, (everything / "notebooks" / "03_tag.ipynb").read_text(encoding="utf-8")):
        assert CANARY not in text


def test_the_text_model_is_kept_sealed_with_its_card(everything):
    card = read_kept(everything / "models" / "03_tag", "03_tag").card
    assert [metric.name for metric in card.metrics] == ["accuracy (en)", "share positive (en)"]
    assert card.metrics[0].figure.n == 40


def test_pictures_reach_interests_and_a_broken_one_is_told(everything):
    pictures = read(everything, "product_pictures").set_index("product_id")
    assert "red" in pictures.loc["assam", "colors"]
    assert pictures.loc["sencha", "refusal"]
    interests = read(everything, "picture_interests")
    assert set(interests["picture_tag"]) >= {"color: red"}
    assert len(interests[interests["picture_tag"] == "color: red"]) == 30


def test_returns_views_and_margins_are_features(everything):
    profiles = read(everything, "profiles")
    assert (profiles["n_views_30"] > 0).sum() == 10
    assert (profiles["n_refunds_365"] > 0).sum() == 1
    assert profiles["margin_365_value"].notna().all()
