"""Past campaigns addressed to customers, what they did with them, and coupons redeemed."""

import functools

import ibis
from ibis.expr.types import Table

from src.data.columns import count, share
from src.data.contract import Column
from src.data.window import known_by
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting
from src.features.windows import days_before

__all__ = [
    "ANSWERS",
    "FEATURES",
    "REDEEMED",
    "RELATIONS",
    "build_answers",
    "build_campaign_events",
    "build_contacts",
    "build_redemptions",
]

REDEEMED = "coupon_redeemed"
ANSWERS = ("click", "purchase", REDEEMED)
"""Events that answer a campaign; looking is none, for programs look at everything."""

_CONTROL = "control"
_WINDOWS = (30, 90, 365)


def build_redemptions(events: Table, as_of_date: str) -> Table:
    """Give coupons redeemed, as known on one date, their age: the columns of `events`, `days_ago`.

    Parameters
    ----------
    events : ibis.Table
        As in its contract.
    as_of_date : str
        ISO date; what happened after it is not seen.
    """
    return _aged(events.filter(events.event_type == REDEEMED), "event_at", as_of_date)


def build_campaign_events(events: Table, as_of_date: str) -> Table:
    """Give events that belong to a campaign their age, and tell persons from programs.

    Parameters
    ----------
    events, as_of_date
        As for `build_redemptions`.

    Returns
    -------
    ibis.Table
        One row per event with a campaign: the columns of `events`, `days_ago`, `is_person`.
    """
    events = _aged(events.filter(events.campaign_id.notnull()), "event_at", as_of_date)
    return events.mutate(is_person=~events.is_bot.fill_null(False))


def build_contacts(exposures: Table, as_of_date: str) -> Table:
    """Give past campaigns, as known on one date, their age: the columns of `exposures`, `days_ago`.

    Parameters
    ----------
    exposures : ibis.Table
        As in its contract.
    as_of_date : str
        ISO date. A campaign counts from its first day.

    Notes
    -----
    Who was drawn into control was not contacted, and has no row of that campaign.
    """
    contacted = exposures.filter(exposures.action != _CONTROL)
    return _aged(contacted, "exposed_at", as_of_date)


def build_answers(contacts: Table, campaign_events: Table) -> Table:
    """Tell which past campaigns a customer answered.

    Parameters
    ----------
    contacts, campaign_events : ibis.Table
        From `build_contacts` and `build_campaign_events`.

    Returns
    -------
    ibis.Table
        The rows of `contacts` with `is_answered`: a person's event of `ANSWERS` names the
        campaign, at the time of the contact or after it.
    """
    is_answer = campaign_events.is_person & campaign_events.event_type.isin(ANSWERS)
    answers = campaign_events.filter(is_answer).group_by("customer_id", "campaign_id")
    last = answers.agg(answered_at=lambda t: t.event_at.max())
    joined = contacts.left_join(last, ["customer_id", "campaign_id"])
    is_answered = (joined.answered_at >= joined.exposed_at).fill_null(False)
    return joined.select("customer_id", "campaign_id", "days_ago", is_answered=is_answered)


def _aged(table: Table, column: str, as_of_date: str) -> Table:
    known = known_by(table, column, as_of_date)
    return known.mutate(days_ago=days_before(known[column], as_of_date))


def _redemptions(events: Table, setting: Setting) -> Table:
    return build_redemptions(events, setting.as_of_date)


def _campaign_events(events: Table, setting: Setting) -> Table:
    return build_campaign_events(events, setting.as_of_date)


def _contacts(exposures: Table, setting: Setting) -> Table:
    return build_contacts(exposures, setting.as_of_date)


def _answers(contacts: Table, campaign_events: Table, setting: Setting) -> Table:
    return build_answers(contacts, campaign_events)


def _n_rows(table: Table, days: int) -> ibis.Value:
    return table.count(where=table.days_ago < days)


def _n_campaigns(table: Table, days: int) -> ibis.Value:
    return table.campaign_id.nunique(where=table.days_ago < days)


def _n_clicks(events: Table, days: int, is_person: bool) -> ibis.Value:
    is_click = (events.event_type == "click") & (events.days_ago < days)
    return events.count(where=is_click & (events.is_person == is_person))


def _answered_share(answers: Table) -> ibis.Value:
    is_recent = answers.days_ago < 365
    return answers.count(where=is_recent & answers.is_answered) / answers.count(
        where=is_recent
    ).nullif(0)


RELATIONS = (
    Relation("redemptions", "one row per coupon redeemed", ("events",), _redemptions),
    Relation("contacts", "one row per customer and past campaign", ("exposures",), _contacts),
    Relation(
        "campaign_events", "one row per event that names a campaign", ("events",), _campaign_events
    ),
    Relation(
        "answers",
        "one row per customer and past campaign, with whether it was answered",
        ("contacts", "campaign_events"),
        _answers,
    ),
)

_of = Feature.of

FEATURES = (
    *(
        _of(
            count(f"n_redemptions_{days}", f"Coupons redeemed in the last {days} days."),
            family="coupons",
            relation="redemptions",
            build=functools.partial(_n_rows, days=days),
            window_days=days,
            fill=0,
        )
        for days in _WINDOWS
    ),
    _of(
        count(
            "n_redeemed_campaigns_365",
            "Campaigns of which a coupon was redeemed in the last 365 days.",
        ),
        family="coupons",
        relation="redemptions",
        build=functools.partial(_n_campaigns, days=365),
        window_days=365,
        fill=0,
    ),
    _of(
        Column("last_redemption_days", "int64", "Days since the last coupon.", "days", True),
        family="coupons",
        relation="redemptions",
        build=lambda redemptions: redemptions.days_ago.min(),
    ),
    *(
        _of(
            count(
                f"n_exposures_{days}", f"Past campaigns addressed to the customer in {days} days."
            ),
            family="engagement",
            relation="contacts",
            build=functools.partial(_n_campaigns, days=days),
            window_days=days,
            fill=0,
        )
        for days in _WINDOWS
    ),
    _of(
        Column("last_exposure_days", "int64", "Days since the last campaign began.", "days", True),
        family="engagement",
        relation="contacts",
        build=lambda contacts: contacts.days_ago.min(),
    ),
    *(
        _of(
            count(f"n_campaign_clicks_{days}", f"Clicks in campaigns in the last {days} days."),
            family="engagement",
            relation="campaign_events",
            build=functools.partial(_n_clicks, days=days, is_person=True),
            window_days=days,
            fill=0,
        )
        for days in _WINDOWS
    ),
    _of(
        count(
            "n_bot_clicks_365",
            "Clicks of programs in campaigns in the last 365 days, counted in nothing else.",
        ),
        family="engagement",
        relation="campaign_events",
        build=functools.partial(_n_clicks, days=365, is_person=False),
        window_days=365,
        fill=0,
    ),
    _of(
        share(
            "answered_share_365",
            "Campaigns of the last 365 days answered by a click, a purchase or a coupon.",
            True,
        ),
        family="engagement",
        relation="answers",
        build=_answered_share,
        window_days=365,
    ),
)
