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


def test_lifecycle_is_drawn_with_empty_stages():
    lifecycle = pd.DataFrame(
        {
            "lifecycle": ["new", "active", "slipping", "lapsed"],
            "customer_share": [0, 0.75, 0, 0.25],
            "spend_share": [0, 1.0, 0, 0],
        }
    )
    ax = plots.plot_lifecycle(lifecycle)
    title = ax.get_title(loc="left")
    assert title == "75.0% of customers are active; 0.0% are slipping, with 0.0% of the spend"


def test_departments_are_drawn_best_on_top():
    departments = pd.DataFrame(
        {
            "department": [f"D{i:02}" for i in range(12)],
            "spend_share": [1 / 12] * 12,
            "customer_share": [0.5] * 12,
        }
    )
    ax = plots.plot_departments(departments)
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "D00"
    assert len(ax.get_yticklabels()) == 10
    assert ax.get_title(loc="left") == "D00 takes 8% of the spend; 50% of customers buy there"


def test_no_department_is_said():
    empty = pd.DataFrame({"department": [], "spend_share": [], "customer_share": []})
    ax = plots.plot_departments(empty)
    assert ax.get_title(loc="left") == "No department is known for any product bought"


def test_tags_show_size_and_share():
    counts = pd.DataFrame({"tag": ["a", "b"], "n_customers": [3, 0], "customer_share": [0.75, 0.0]})
    ax = plots.plot_tags(counts, tagged_share=0.75)
    assert ax.get_title(loc="left") == "75% of customers carry at least one of the 2 tags"
    assert {text.get_text() for text in ax.texts} == {"3 (75.0%)", "0 (0.0%)"}
