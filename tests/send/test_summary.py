"""Small tables for people."""

import matplotlib.pyplot as plt
import pandas as pd

from src.ledger import State, send_log
from src.send import count_steps, deliver, delivery_sentence, describe_states, summarize_denials
from src.send.channels import MemoryChannel
from src.send.plots import plot_steps
from src.send.summary import _MEANINGS, describe_channels


def test_every_state_has_a_meaning():
    assert set(_MEANINGS) == set(State)


def test_states_and_denials(ledger, plan, campaign, clock):
    plan(20, emails=["bad", *(f"c{i}@example.com" for i in range(19))])
    deliver(ledger, MemoryChannel(), campaign, clock)
    states = describe_states(ledger, "spring")
    assert states[["state", "n_messages"]].to_numpy().tolist() == [
        ["SENT", 17],
        ["FAILED", 1],
        ["SUPPRESSED", 2],
    ]
    assert summarize_denials(send_log(ledger, "spring")).to_numpy().tolist() == [
        ["SUPPRESSED", "no consent", 2],
        ["FAILED", "address not valid", 1],
    ]


def test_nothing_sent_gives_empty_tables(ledger):
    assert describe_states(ledger, "spring").empty
    assert summarize_denials(send_log(ledger, "spring")).empty


def test_steps_from_decision_to_message():
    # a to e are decided on; e is outside, d control; b and c are planned, b is sent
    decisions = pd.DataFrame(
        {"customer_id": list("abcde"), "action": ["coupon"] * 3 + ["control", "none"]}
    )
    messages = pd.DataFrame({"customer_id": ["b", "c"]})
    log = pd.DataFrame({"customer_id": ["b", "c"], "state": ["SENT", "FAILED"]})
    steps = count_steps(decisions, messages, log)
    assert list(steps.values()) == [5, 4, 3, 2, 1]
    axes = plot_steps(steps)
    assert axes.get_title(loc="left") == "Message handed over for 1 of 3 customers drawn"
    plt.close(axes.figure)


def test_the_figure_of_no_customers_is_drawn():
    axes = plot_steps(dict.fromkeys(("a", "b", "c", "d", "e"), 0))
    assert axes.get_xlim()[1] > 0
    plt.close(axes.figure)


def test_the_sentence_says_what_left_the_machine():
    assert "nothing left this machine" in delivery_sentence("dry_run", 3, {"email": 3})
    assert "earlier pass" in delivery_sentence("dry_run", 0, {"email": 3})
    assert "no message" in delivery_sentence("dry_run", 0, {"email": 0})
    assert delivery_sentence("live", 3, {}).startswith("**Live: 3 messages")
    both = delivery_sentence("dry_run", 3, {"email": 1, "sms": 2, "push": 0})
    assert "1 messages lie as files in the run's Maildir" in both
    assert "2 sms messages lie as files in `outbox/sms/new`" in both
    assert "push" not in both


def test_channels_are_counted_one_by_one():
    messages = pd.DataFrame({"channel": ["sms", "sms", "email"]})
    log = pd.DataFrame({"channel": ["sms", "sms", "email"], "state": ["SENT", "FAILED", "FAILED"]})
    table = describe_channels(log, messages)
    assert table.to_numpy().tolist() == [["email", 1, 0], ["sms", 2, 1]]
