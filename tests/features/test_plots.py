import matplotlib.pyplot as plt
import pandas as pd
import pytest

from src.features import plots


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_title_of_the_grid_names_the_richest_cell():
    grid = pd.DataFrame(
        {
            "r_score": [1, 5],
            "f_score": [1, 4],
            "customer_share": [0.9, 0.1],
            "spend_share": [0.2, 0.8],
        }
    )
    figure = plots.plot_rfm_grid(grid)
    assert figure.get_suptitle() == (
        "Recency 5 and frequency 4 is the richest cell: 10.0% of customers, 80.0% of spend"
    )
    assert [text.get_text() for text in figure.axes[1].texts] == ["20.0%", "80.0%"]


def test_title_of_the_curve_says_what_the_top_brings():
    curve = pd.DataFrame(
        {"percentile": [0, 50], "customer_share": [0.5, 1.0], "spend_share": [0.8, 1.0]}
    )
    ax = plots.plot_concentration(curve)  # 20 of the first 50 %, which bring 80 %
    assert ax.get_title(loc="left") == "The top 20% of customers bring 32% of the spend"


def test_nothing_spent_and_nobody_tagged_are_not_drawn():
    curve = pd.DataFrame({"percentile": [0], "customer_share": [1.0], "spend_share": [0.0]})
    assert plots.plot_concentration(curve) is None
    counts = pd.DataFrame({"tag": ["a"], "n_customers": [0], "customer_share": [0.0]})
    assert plots.plot_tags(counts, tagged_share=0.0) is None
    assert plt.get_fignums() == []


def test_tags_show_size_and_share():
    counts = pd.DataFrame({"tag": ["a", "b"], "n_customers": [3, 0], "customer_share": [0.75, 0.0]})
    ax = plots.plot_tags(counts, tagged_share=0.75)
    assert ax.get_title(loc="left") == "75% of customers carry at least one of the 2 tags"
    assert {text.get_text() for text in ax.texts} == {"3 (75.0%)", "0 (0.0%)"}
