"""A campaign of two actions, and a way to hand a frame to the engine."""

from collections.abc import Callable

import ibis
import pandas as pd
import pytest

from src.decide.catalogue import Action, Campaign
from src.engine import connect


@pytest.fixture(scope="session")
def campaign() -> Campaign:
    return Campaign(
        campaign_id="test",
        goal="",
        channel="email",
        margin_share=0.25,
        sender_name="",
        sender_address="",
        postal_address="",
        unsubscribe_url="",
        actions={
            "share": Action(
                label="10 % off",
                template="t",
                cost_value=0.02,
                discount_share=0.1,
                discount_ceiling_value=6,
                redemption_share=0.04,
            ),
            "amount": Action(
                label="5 off 40",
                template="t",
                cost_value=0.03,
                discount_value=5,
                minimum_basket_value=40,
                redemption_share=0.05,
            ),
        },
    )


@pytest.fixture(scope="session")
def table_of() -> Callable[[pd.DataFrame], ibis.Table]:
    engine = connect()

    def hand_over(frame: pd.DataFrame) -> ibis.Table:
        """Naive times are UTC."""
        times = {name: "timestamp('UTC')" for name in frame.columns if name.endswith("_at")}
        return engine.create_table(ibis.util.gen_name("test"), ibis.memtable(frame).cast(times))

    return hand_over
