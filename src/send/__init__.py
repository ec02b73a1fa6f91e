"""Sending: the contact policy, the outbox, the channels. The only package that sees people."""

from src.send.channels import open_channel
from src.send.clock import run_clock
from src.send.outbox import deliver
from src.send.summary import count_steps, describe_states, summarize_denials

__all__ = [
    "count_steps",
    "deliver",
    "describe_states",
    "open_channel",
    "run_clock",
    "summarize_denials",
]
