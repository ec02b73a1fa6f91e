"""Sending: the contact policy, the outbox, the channels. The only package that sees people."""

from src.send.channels import count_maildir, open_channel
from src.send.clock import run_clock
from src.send.outbox import deliver
from src.send.summary import count_steps, delivery_sentence, describe_states, summarize_denials

__all__ = [
    "count_maildir",
    "count_steps",
    "deliver",
    "delivery_sentence",
    "describe_states",
    "open_channel",
    "run_clock",
    "summarize_denials",
]
