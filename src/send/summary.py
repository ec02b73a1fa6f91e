"""What sending came to, in small tables for people."""

from collections.abc import Mapping

import pandas as pd

from src.ledger import Ledger, State, count_states

__all__ = [
    "count_steps",
    "delivery_sentence",
    "describe_channels",
    "describe_states",
    "summarize_denials",
]

_MEANINGS = {
    State.PLANNED: "waits to be sent",
    State.CLAIMED: "held by a sender",
    State.TRANSMITTING: "being handed over",
    State.SENT: "handed over, once",
    State.DEFERRED: "not taken yet, will be tried again",
    State.FAILED: "cannot be sent",
    State.SUPPRESSED: "held back by the contact policy",
    State.CANCELLED: "called off",
    State.UNKNOWN: "perhaps handed over; never sent again without a decision",
    State.RESOLVED_SENT: "handed over, as found out afterwards",
    State.RESOLVED_NOT_SENT: "not handed over, as found out afterwards; waits to be sent",
}
_SENT = (State.SENT, State.RESOLVED_SENT)


def describe_states(ledger: Ledger, campaign_id: str) -> pd.DataFrame:
    """Count the messages of a campaign by state.

    Returns
    -------
    DataFrame
        One row per state that occurs, in the order of a message's life: `state`, `meaning`,
        `n_messages`.
    """
    counts = count_states(ledger, campaign_id)
    rows = [(str(state), _MEANINGS[state], counts[state]) for state in State if state in counts]
    return pd.DataFrame(rows, columns=["state", "meaning", "n_messages"])


def describe_channels(log: pd.DataFrame, messages: pd.DataFrame) -> pd.DataFrame:
    """Count what was planned and what went out, by channel.

    Parameters
    ----------
    log, messages : DataFrame
        Tables of 07_send and 06_campaign.

    Returns
    -------
    DataFrame
        One row per channel with a message: `channel`, `n_planned`, `n_sent`.
    """
    sent = log[log["state"].isin(_SENT)]
    counts = {
        "n_planned": messages.groupby("channel").size(),
        "n_sent": sent.groupby("channel").size(),
    }
    table = pd.DataFrame(counts).fillna(0).astype("int64")
    return table.rename_axis("channel").reset_index()


def delivery_sentence(mode: str, n_sent_now: int, n_files: Mapping[str, int]) -> str:
    """Say in a sentence or two where the messages went.

    Parameters
    ----------
    mode : str
        ``dry_run``, ``rehearsal`` or ``live``.
    n_sent_now : int
        Messages this pass handed over, by all channels.
    n_files : mapping of str to int
        Files in the run's outbox, by channel.
    """
    if mode == "live":
        return f"**Live: {n_sent_now:,} messages were handed over in this pass.**"
    if mode == "rehearsal":
        return f"**Rehearsal: {n_sent_now:,} letters went to a mail server of this machine.**"
    if not sum(n_files.values()):
        return "**Dry run: nothing left this machine, and there was no message to write.**"
    before = (
        ""
        if n_sent_now
        else " An earlier pass had already written them, so this one had none to write."
    )
    written = [_folder_sentence(name, n) for name, n in n_files.items() if n]
    return f"**Dry run: nothing left this machine.** {' '.join(written)}{before}"


def _folder_sentence(channel: str, n_files: int) -> str:
    if channel == "email":
        return (
            f"{n_files:,} messages lie as files in the run's Maildir, `outbox/maildir/new`; any "
            "mail program opens them."
        )
    return f"{n_files:,} {channel} messages lie as files in `outbox/{channel}/new`."


def summarize_denials(send_log: pd.DataFrame) -> pd.DataFrame:
    """Count the messages that did not go out, by state and reason, most frequent first."""
    held = send_log[~send_log["state"].isin(_SENT)]
    counts = held.groupby(["state", "reason"], dropna=False).size().reset_index(name="n_messages")
    return counts.sort_values(
        ["n_messages", "state", "reason"], ascending=[False, True, True], ignore_index=True
    )


def count_steps(
    decisions: pd.DataFrame, messages: pd.DataFrame, send_log: pd.DataFrame
) -> dict[str, int]:
    """Count the customers left after each step from the decision to the message.

    Parameters
    ----------
    decisions, messages, send_log : DataFrame
        Tables of 05_decide, 06_campaign and 07_send.

    Returns
    -------
    dict of str to int
        Customers by step, in order; each step is part of the one before.
    """
    drawn = decisions[decisions["action"] != "none"]
    treated = drawn[drawn["action"] != "control"]
    written = send_log[send_log["state"].isin(_SENT)]
    return {
        "decided on": len(decisions),
        "in the experiment": len(drawn),
        "drawn for an action": len(treated),
        "message planned": messages["customer_id"].nunique(),
        "message handed over": written["customer_id"].nunique(),
    }
