import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from src.data.tables import TABLES
from src.errors import ParameterError
from src.models.segment_names import name_segments, name_traits
from src.models.segment_words import describe_segments, describe_structure
from src.models.segments import fit_segments, standardise, summarise_segments

COLUMNS = ["recency_days", "n_orders_90", "monetary_value", "discount_share"]

# recency, orders, value, discount of three kinds far apart
KINDS = np.array([[2, 40, 80, 0.1], [60, 2, 20, 0.1], [10, 12, 20, 0.5]])


def draw_profiles(n_per_kind, seed=1):
    """Profiles of three kinds, with little noise around each; and the true kind."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(3), n_per_kind)
    noisy = KINDS[kind] * rng.lognormal(0, 0.1, (len(kind), 4))
    profiles = pd.DataFrame(noisy, columns=COLUMNS)
    profiles["customer_id"] = [f"c{i:04d}" for i in rng.permutation(len(kind))]
    profiles["spend_90_value"] = profiles["n_orders_90"] * profiles["monetary_value"]
    profiles["lifecycle"] = np.where(kind == 1, "lapsed", "active")
    profiles["kind"] = kind
    return profiles


@pytest.fixture(scope="module")
def profiles():
    return draw_profiles(60)


@pytest.fixture(scope="module")
def segmentation(profiles):
    return fit_segments(profiles, COLUMNS, seed=5, n_resamples=4)


def test_three_kinds_are_found_again(profiles, segmentation):
    joined = profiles.merge(segmentation.customers, on="customer_id")
    assert segmentation.n_segments == 3
    assert adjusted_rand_score(joined["kind"], joined["segment"]) == 1
    assert segmentation.result("silhouette") > 0.7
    assert segmentation.result("silhouette") > segmentation.result("silhouette_shuffled")
    assert segmentation.result("stability") == pytest.approx(1)


def test_names_say_what_sets_the_kinds_apart(segmentation):
    # most spend per customer first: 40 x 80, then 12 x 20, then 2 x 20
    big, bargain, lapsed = segmentation.centres.index
    assert "frequent" in big or "big-basket" in big or "recent" in big
    assert "bargain-seeking" in bargain
    assert "quiet" in lapsed or "rare" in lapsed


def test_no_kinds_are_not_taken_for_islands():
    rng = np.random.default_rng(3)
    profiles = draw_profiles(60)
    profiles[COLUMNS] = rng.lognormal(0, 1, (len(profiles), 4))
    found = fit_segments(profiles, COLUMNS, seed=5, max_segments=4, n_resamples=3)
    silhouette, shuffled = found.result("silhouette"), found.result("silhouette_shuffled")
    assert abs(silhouette - shuffled) < 0.06
    assert "without gaps" in describe_structure(found)


def test_two_runs_and_another_row_order_give_the_same_segments(profiles, segmentation):
    shuffled = profiles.sample(frac=1, random_state=2)
    again = fit_segments(shuffled, COLUMNS, seed=5, n_resamples=4)
    pd.testing.assert_frame_equal(again.customers, segmentation.customers)
    pd.testing.assert_frame_equal(again.ways, segmentation.ways, check_exact=True)
    pd.testing.assert_frame_equal(again.centres, segmentation.centres, check_exact=True)


def test_columns_that_were_not_chosen_change_nothing(profiles, segmentation):
    other = profiles.assign(age_band="old", weekend_share=0.9)
    again = fit_segments(other, COLUMNS, seed=5, n_resamples=4)
    pd.testing.assert_frame_equal(again.customers, segmentation.customers)


def test_segments_keep_their_contract(profiles, segmentation):
    assert list(segmentation.customers.columns) == TABLES["segments"].column_names
    assert segmentation.customers["customer_id"].tolist() == sorted(profiles["customer_id"])
    assert segmentation.customers["segment"].notna().all()


def test_summary_by_hand():
    profiles = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d"],
            "lifecycle": ["active", "active", "active", "lapsed"],
            "recency_days": [1, 2, 6, 99],
            "n_orders_90": [3, 3, 3, 0],
            "spend_90_value": [10.0, 20.0, 30.0, 0.0],
        }
    )
    found = fit_segments(profiles, ["recency_days", "n_orders_90"], seed=1)
    summary = summarise_segments(found, profiles)
    assert found.method == "lifecycle"
    assert summary.index.tolist() == ["active buyers", "lapsed buyers"]
    assert summary["n_customers"].tolist() == [3, 1]
    assert summary["share"].tolist() == [0.75, 0.25]
    assert summary["spend_share"].tolist() == [1.0, 0.0]
    assert summary["recency_days"].tolist() == [2.0, 99.0]


@pytest.mark.parametrize(
    ("rows", "match"),
    [(slice(0, 99), "99 customers are known"), (slice(0, 0), "0 customers")],
    ids=["few", "none"],
)
def test_few_customers_get_their_lifecycle_as_segment(profiles, rows, match):
    found = fit_segments(profiles.iloc[rows], COLUMNS, seed=5)
    assert match in found.lack
    assert set(found.customers["segment"]) <= {"active buyers", "lapsed buyers"}
    assert np.isnan(found.result("silhouette"))
    assert match in describe_structure(found)


def test_customers_who_are_all_alike_get_their_lifecycle_as_segment(profiles):
    found = fit_segments(profiles.assign(**dict.fromkeys(COLUMNS, 1.0)), COLUMNS, seed=5)
    assert "differ too little" in found.lack


def test_standardised_by_hand():
    # ln(1 + x) of 0, 1, 3 is 0, ln 2, 2 ln 2: mean ln 2, spread ln 2 * sqrt(2/3); a gap is 0
    profiles = pd.DataFrame({"recency_days": [0, 1, 3, None], "n_stores": [2, 2, 2, 2]})
    Z = standardise(profiles, ["recency_days", "n_stores"])
    assert Z[:, 0] == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5), 0])
    assert Z[:, 1].tolist() == [0, 0, 0, 0]


def test_extremes_are_cut_at_three():
    profiles = pd.DataFrame({"discount_share": [0.0] * 99 + [1.0]})
    assert standardise(profiles, ["discount_share"]).max() == 3


def test_names_are_never_shared():
    alike = pd.DataFrame({"recency_days": [0.9, 0.9, 0.9], "weekend_share": [0.2, -0.2, 0.2]})
    assert name_segments(alike) == ["quiet buyers (1)", "quiet buyers (2)", "quiet buyers (3)"]
    parted = alike.assign(n_stores=[0.1, 0.1, -0.1], n_orders_90=[0.8, 0.8, 0.8])
    names = name_segments(parted)
    assert len(set(names)) == 3
    assert all(name.startswith("quiet") and name.endswith("buyers") for name in names)


def test_a_centre_without_traits_is_typical():
    assert name_traits(pd.Series({"recency_days": 0.2}), 2) == "typical buyers"


@pytest.mark.parametrize(
    "columns",
    [[], ["age_band"], ["recency_days", "recency_days"], ["shoe_size"]],
    ids=["none", "text", "twice", "unknown"],
)
def test_bad_columns_are_refused(profiles, columns):
    with pytest.raises(ParameterError, match="numeric columns of profiles"):
        fit_segments(profiles, columns, seed=1)


def test_bad_numbers_of_segments_are_refused(profiles):
    with pytest.raises(ParameterError, match="min_segments <= max_segments"):
        fit_segments(profiles, COLUMNS, seed=1, min_segments=5, max_segments=4)


def test_each_segment_gets_a_sentence_in_words(profiles, segmentation):
    text = describe_segments(summarise_segments(segmentation, profiles))
    assert text.count("\n") == 2
    for name in segmentation.centres.index:
        assert f"**{name[:1].upper()}{name[1:]}** are 33% of customers (60)" in text
    assert "orders in the last 90 days: 2.02;" in text
