"""Sending: the contact policy, the outbox, the channels. The only package that sees people."""

from src.send.channels import count_maildir, open_channel, open_channels
from src.send.clock import run_clock
from src.send.outbox import deliver
from src.send.rounds import add_up, count_files, deliver_in_turn
from src.send.summary import count_steps, delivery_sentence, describe_states, summarize_denials
from src.send.windows import enter_window

__all__ = [
    "add_up",
    "count_files",
    "count_maildir",
    "count_steps",
    "deliver",
    "deliver_in_turn",
    "delivery_sentence",
    "describe_states",
    "enter_window",
    "open_channel",
    "open_channels",
    "run_clock",
    "summarize_denials",
]
