"""The portrait of the base: who stays, who moves, what goes together, what moved sales."""

from src.features.portrait.cohort_plots import plot_retention
from src.features.portrait.cohorts import (
    build_retention,
    describe_retention,
    retained_share,
    summarise_retention,
)
from src.features.portrait.interest_map import build_interest_map, describe_interest_map
from src.features.portrait.joint_plots import plot_interest_map, plot_overlaps
from src.features.portrait.lifecycle_flow import (
    LOST,
    choose_before,
    count_flows,
    count_movers,
    describe_flows,
    tabulate_flows,
)
from src.features.portrait.lifecycle_flow_plots import plot_flows
from src.features.portrait.persona_plots import plot_personas
from src.features.portrait.personas import build_personas, describe_personas
from src.features.portrait.revenue_tree import (
    build_revenue_tree,
    describe_revenue_tree,
    sales_change_share,
    unexplained_share,
)
from src.features.portrait.revenue_tree_plots import plot_revenue_tree
from src.features.portrait.tag_overlaps import count_overlaps, describe_overlaps

__all__ = [
    "LOST",
    "build_interest_map",
    "build_personas",
    "build_retention",
    "build_revenue_tree",
    "choose_before",
    "count_flows",
    "count_movers",
    "count_overlaps",
    "describe_flows",
    "describe_interest_map",
    "describe_overlaps",
    "describe_personas",
    "describe_retention",
    "describe_revenue_tree",
    "plot_flows",
    "plot_interest_map",
    "plot_overlaps",
    "plot_personas",
    "plot_retention",
    "plot_revenue_tree",
    "retained_share",
    "sales_change_share",
    "summarise_retention",
    "tabulate_flows",
    "unexplained_share",
]
