"""Previews of messages for those who sign off on them: invented people, nothing runs or loads."""

from collections.abc import Iterable
from dataclasses import dataclass
import html
import json
import re

import pandas as pd

from src.campaign.placeholders import fill, marker
from src.decide.catalogue import Campaign

__all__ = ["Sample", "choose_samples", "preview_html", "preview_text"]

_DARK = "(prefers-color-scheme: dark)"
_PREHEADER = re.compile(r"<div style=\"display:none[^>]*>(.*?)(?:&#847;|</div>)", re.DOTALL)

_FRAMES = {"desktop": (700, 1190), "phone": (390, 1300), "phone, dark": (390, 1300)}
"""Width and height of each preview in pixels."""

_TYPICAL = {"en": "Alex", "zh": "李雷"}
_EXTREMES = (
    ("Longest message, longest name", "Maximiliane-Konstantina Wolfeschlegelsteinhausen"),
    ("Shortest message, shortest name", "Bo"),
    ("Arabic name", "عبد الرحمن الزهراوي"),
    ("Emoji in the name", "🌻 Zoë 🎉"),
)
"""Who shows what goes wrong first; messages by length, longest and shortest, then the middle."""

_OF_MESSAGES = ("Longest", "Shortest")
"""Shown even if no name is in the message."""

_CARD = "margin:0 0 28px 0;padding:0 0 8px 0;border-bottom:1px solid #d5dae0"
_ROW = "display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start"
_CAPTION = "margin:0 0 4px 0;font-size:12px;color:#6b7785"
_INBOX = (
    "margin:0 0 12px 0;padding:10px 14px;max-width:700px;box-sizing:border-box;"
    "border:1px solid #d5dae0;border-radius:8px;background-color:#ffffff;color:#2f2a25;"
    "font-size:14px;line-height:20px"
)
_TEXT = (
    "white-space:pre-wrap;margin:6px 0 12px 0;padding:14px;max-width:700px;box-sizing:border-box;"
    "border:1px solid #d5dae0;border-radius:8px;background-color:#ffffff;color:#2f2a25;"
    "font-size:13px;line-height:19px"
)
_SCREEN = (
    "box-sizing:border-box;width:390px;max-width:100%;padding:22px 18px;border-radius:18px;"
    "font-size:16px;line-height:22px;overflow-wrap:anywhere"
)
_BUBBLE = "margin:0 40px 0 0;padding:10px 14px;border-radius:18px 18px 18px 4px"
_NOTICE = "padding:12px 16px;border-radius:14px"
_LIGHT_AND_DARK = {
    "phone": ("#f2f2f6", "#e5e5ea", "#111111"),
    "phone, dark": ("#000000", "#2c2c2e", "#f5f5f7"),
}
"""Screen, bubble and ink of a telephone's own programs."""


@dataclass(frozen=True)
class Sample:
    """One message with the personal fields of an invented person filled in.

    Parameters
    ----------
    title : str
        What kind of message it is.
    subject, html, text : str
        As the person would see them.
    frames : tuple of str
        Which previews are shown: `desktop`, `phone`, `phone, dark`.
    channel : str, default "email"
        An SMS is shown as a bubble, a payload as a notice.
    """

    title: str
    subject: str
    html: str
    text: str
    frames: tuple[str, ...]
    channel: str = "email"


def choose_samples(messages: pd.DataFrame, campaign: Campaign) -> list[Sample]:
    """Choose a typical message of each action, then extreme messages for extreme people.

    Parameters
    ----------
    messages : DataFrame
        Table `messages`.
    campaign : Campaign
        Gives order and labels of the actions, and the language of invented people.

    Returns
    -------
    list of Sample
        Empty if there is no message.
    """
    ranked = messages.assign(n_chars=messages["text"].str.len()).sort_values(
        ["n_chars", "message_key"]
    )
    samples = []
    for name, action in campaign.actions.items():
        rows = ranked[ranked["action"] == name]
        if len(rows):
            title, person = f"Typical: {action.label}", _TYPICAL[campaign.language]
            samples.append(_fill(rows.iloc[len(rows) // 2], title, person, tuple(_FRAMES)))
    if len(ranked):
        places = (-1, 0, len(ranked) // 2, len(ranked) // 2)
        for (title, person), place in zip(_EXTREMES, places, strict=True):
            row = ranked.iloc[place]
            is_personal = marker("first_name") in row["text"]
            if is_personal or title.startswith(_OF_MESSAGES):
                title = title if is_personal else title.partition(",")[0]
                samples.append(_fill(row, f"{title}: {row['action']}", person, ("phone",)))
    return samples


def preview_html(samples: Iterable[Sample], campaign: Campaign) -> str:
    """Show samples as they look in an inbox, on a desktop and on a phone.

    Each letter sits in a frame of its own without any right: no script, form or link works.
    """
    cards = [_card(sample, campaign) for sample in samples]
    shown = "".join(cards or ["<p>No message is planned.</p>"])
    return f'<div style="{_ROW}">{shown}</div>'


def preview_text(samples: Iterable[Sample]) -> str:
    """Show the plain-text part of each sample, folded."""
    parts = [
        f"<details><summary>{html.escape(sample.title)}</summary>"
        f'<pre style="{_TEXT}">{html.escape(sample.text)}</pre></details>'
        for sample in samples
    ]
    return "<div>" + "".join(parts or ["<p>No message is planned.</p>"]) + "</div>"


def _fill(message: pd.Series, title: str, first_name: str, frames: tuple[str, ...]) -> Sample:
    person = {
        "first_name": first_name,
        "unsubscribe_url": "https://preview.invalid/unsubscribe",
    }
    return Sample(
        title,
        fill(message["subject"], person, is_html=False),
        fill(message["html"], person, is_html=True),
        fill(message["text"], person, is_html=False),
        frames,
        message["channel"],
    )


def _card(sample: Sample, campaign: Campaign) -> str:
    width = "100%" if len(sample.frames) > 1 else "420px"
    inbox = _inbox(sample, campaign) if sample.channel == "email" else ""
    names = [name for name in sample.frames if sample.channel == "email" or name != "desktop"]
    frames = "".join(_frame(sample, name, campaign) for name in names)
    return (
        f'<div style="width:{width};max-width:100%;{_CARD}">'
        f'<h4 style="margin:12px 0 8px 0">{html.escape(sample.title)}</h4>'
        f'{inbox}<div style="{_ROW}">{frames}</div></div>'
    )


def _inbox(sample: Sample, campaign: Campaign) -> str:
    preheader = _PREHEADER.search(sample.html)
    shown = html.escape(html.unescape(preheader[1]).strip()) if preheader else ""
    return (
        f'<div style="{_INBOX}"><strong>{html.escape(campaign.sender_name)}</strong><br>'
        f"{html.escape(sample.subject)}<br>"
        f'<span style="color:#6b7785">{shown}</span></div>'
    )


def _frame(sample: Sample, name: str, campaign: Campaign) -> str:
    if sample.channel == "sms":
        return _screen(name, _BUBBLE, html.escape(sample.text))
    if sample.channel != "email":
        return _screen(name, _NOTICE, _notice(sample.text, campaign))
    width, height = _FRAMES[name]
    letter = sample.html.replace(_DARK, "all" if name.endswith("dark") else "not all")
    return (
        f'<div style="width:{width}px;max-width:100%">'
        f'<p style="{_CAPTION}">{name}, up to {width} px wide</p>'
        f'<iframe sandbox="" title="{html.escape(sample.title)}, {name}" width="{width}" '
        f'height="{height}" style="width:100%;border:1px solid #d5dae0;border-radius:8px;'
        f'background-color:#ffffff" srcdoc="{html.escape(letter)}"></iframe></div>'
    )


def _screen(name: str, shape: str, content: str) -> str:
    """Draw what a telephone's own program shows, in its light or dark colors."""
    screen, bubble, ink = _LIGHT_AND_DARK[name]
    return (
        f'<div style="width:390px;max-width:100%"><p style="{_CAPTION}">{name}</p>'
        f'<div style="{_SCREEN};background-color:{screen}">'
        f'<div dir="auto" style="{shape};background-color:{bubble};color:{ink}">{content}</div>'
        "</div></div>"
    )


def _notice(payload: str, campaign: Campaign) -> str:
    fields = json.loads(payload)
    title = fields.get("title") or campaign.sender_name
    words = fields.get("body") or fields.get("text") or ""
    return f"<strong>{html.escape(title)}</strong><br>{html.escape(words)}"
