"""Copy: words for a template's slots, proposed as candidates, checked, and approved by a person."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
import hashlib
import json
import logging
from pathlib import Path
from typing import NamedTuple, Protocol

from pydantic import ValidationError
import yaml

from src.campaign.claim_faults import describe
from src.campaign.content import describe_offers
from src.campaign.templates import TEMPLATES_PATH
from src.campaign.trial import Setting, try_campaign
from src.decide.catalogue import Action, Campaign, Variant
from src.errors import ParameterError, TemplateError
from src.root import PROJECT_ROOT

__all__ = [
    "SLOTS",
    "Brief",
    "Candidate",
    "CopyReport",
    "Judged",
    "ProviderError",
    "TemplateCopy",
    "TextProvider",
    "Tone",
    "choose_tone",
    "make_brief",
    "make_judge",
    "with_words",
    "write_copy",
]

COPY_PATH = PROJECT_ROOT / "params" / "copy"
SLOTS = {
    "email": ("subject", "preheader"),
    "sms": ("sms",),
    "push": ("push_title",),
    "social": ("push_title",),
}
"""What is varied in each channel. The rest, above all terms, stays as the template has it."""

_MAX_REASONS = 5

logger = logging.getLogger(__name__)


class ProviderError(Exception):
    """A provider gave nothing that can be used; the campaign goes on without it."""


class Tone(NamedTuple):
    """How to speak: a name, how long a subject may be, and a hint in words."""

    tone: str
    subject_columns: int
    hint: str


@dataclass(frozen=True)
class Brief:
    """What a provider is told: of the campaign and its offer, nothing of any person."""

    campaign_id: str
    goal: str
    action: str
    channel: str
    language: str
    offer: str
    has_offer: bool
    slots: tuple[str, ...]
    tone: Tone
    n_variants: int
    seed: int


@dataclass(frozen=True)
class Candidate:
    """Words for some slots, and where they come from; nothing but a proposal.

    `source` says what made them: for a model its name, seed, temperature and prompt hash.
    """

    words: Mapping[str, str]
    origin: str
    source: Mapping[str, object] = field(default_factory=dict)

    @property
    def candidate_id(self) -> str:
        """Name the words by their hash: the same words are the same candidate."""
        text = json.dumps(dict(self.words), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class Judged(NamedTuple):
    """A candidate, and the reasons against it: none if it may be approved."""

    candidate: Candidate
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class CopyReport:
    """What was proposed for one action, what passed, what did not and why, and what went wrong."""

    brief: Brief
    judged: tuple[Judged, ...]
    notes: tuple[str, ...]

    @property
    def accepted(self) -> tuple[Candidate, ...]:
        """Candidates that passed every check; a person has approved none of them yet."""
        return tuple(one.candidate for one in self.judged if not one.reasons)

    @property
    def rejected(self) -> tuple[Judged, ...]:
        """Candidates that broke a check."""
        return tuple(one for one in self.judged if one.reasons)

    def sentence(self) -> str:
        """Say in a line what came of it."""
        origins = [one.origin for one in self.accepted]
        told = ", ".join(f"{origins.count(name)} by {name}" for name in dict.fromkeys(origins))
        notes = f" {' '.join(self.notes)}" if self.notes else ""
        return f"{len(origins)} of {len(self.judged)} candidates passed: {told or 'none'}.{notes}"


class TextProvider(Protocol):
    """Whatever proposes words."""

    @property
    def name(self) -> str:
        """Name for reports."""

    def generate(self, brief: Brief) -> Sequence[Candidate]:
        """Propose words; raise `ProviderError` where there are none to be had."""


class TemplateCopy:
    """Proposes sentences of `params/copy`, by tone: the same brief, the same words."""

    name = "template"

    def generate(self, brief: Brief) -> list[Candidate]:
        """Propose as many variants as asked for, as far as the sentences go."""
        bank = _read_mapping(f"{brief.language}.yaml").get(brief.tone.tone, {})
        sentences = bank.get("offer" if brief.has_offer else "news", {})
        slots = [slot for slot in brief.slots if sentences.get(slot)]
        n_sentences = max((len(sentences[slot]) for slot in slots), default=0)
        found = []
        for number in range(min(brief.n_variants, n_sentences)):
            words = {
                slot: sentences[slot][(number + brief.seed) % len(sentences[slot])]
                for slot in slots
            }
            found.append(Candidate(words, self.name, {"tone": brief.tone.tone}))
        return found


def choose_tone(tags: Sequence[str]) -> Tone:
    """Choose how to speak to an audience by its tags; see `params/copy/tones.yaml`."""
    content = _read_mapping("tones.yaml")
    fits = [line for line in content["tones"] if line["tag"] in tags]
    line = fits[0] if fits else content["default"]
    return Tone(line["tone"], line["subject_columns"], line["hint"])


def make_brief(
    campaign: Campaign, action: str, setting: Setting, n_variants: int = 3, seed: int = 0
) -> Brief:
    """Tell a provider what one arm of a campaign is about.

    Raises
    ------
    ParameterError
        If the campaign has no such arm.
    """
    if action not in campaign.actions:
        raise ParameterError(
            f"Expected an action of {campaign.campaign_id}, found {action!r}; it has "
            f"{list(campaign.actions)}."
        )
    offers = describe_offers(campaign, setting.as_of_date, setting.valid_days, setting.currency)
    channel = campaign.channel_of(action)
    return Brief(
        campaign.campaign_id,
        campaign.goal,
        action,
        channel,
        campaign.language,
        describe(offers[action]),
        not offers[action].is_empty,
        SLOTS[channel],
        choose_tone(campaign.audience.tags),
        n_variants,
        seed,
    )


def write_copy(
    brief: Brief,
    providers: Sequence[TextProvider],
    judge: Callable[[Candidate], tuple[str, ...]],
) -> CopyReport:
    """Ask every provider and judge what it proposes; one that fails is noted, no more.

    Parameters
    ----------
    brief : Brief
        What to write about.
    providers : sequence of TextProvider
        Whom to ask, in order; `TemplateCopy` among them, so that there is always something.
    judge : callable
        Gives the reasons against a candidate.
    """
    judged, notes, seen = [], [], set()
    for provider in providers:
        try:
            proposed = provider.generate(brief)
        except ProviderError as error:
            logger.warning("write_copy %s: %s", provider.name, error)
            notes.append(f"{provider.name}: {error} The copy is the templates'.")
            continue
        for candidate in proposed:
            if candidate.candidate_id not in seen:
                seen.add(candidate.candidate_id)
                judged.append(Judged(candidate, judge(candidate)))
    return CopyReport(brief, tuple(judged), tuple(notes))


def make_judge(
    campaign: Campaign, brief: Brief, setting: Setting, folder: Path = TEMPLATES_PATH
) -> Callable[[Candidate], tuple[str, ...]]:
    """Give what finds the reasons against a candidate: its words in place, rendered and checked.

    Every check is run on messages to invented customers, so that words in a template's sandbox
    are judged with what fills them; faults that the action has without them do not count.

    Parameters
    ----------
    campaign : Campaign
        The campaign file.
    brief : Brief
        What was asked for.
    setting : Setting
        What 06 would be given.
    folder : Path, default `params/templates`
        Where the templates lie.
    """
    known = _faults_with({}, campaign, brief, setting, folder)

    def judge(candidate: Candidate) -> tuple[str, ...]:
        missing = sorted(set(candidate.words) ^ set(brief.slots))
        if missing:
            return (f"{list(brief.slots)} were asked for; missing or too many: {missing}",)
        try:
            found = _faults_with(candidate.words, campaign, brief, setting, folder)
        except (TemplateError, ParameterError) as error:
            return (str(error),)
        new = [row for row in found if row not in known]
        return tuple(f"{check}: {told!r} in {place}" for check, place, told in new)[:_MAX_REASONS]

    return judge


def _faults_with(
    words: Mapping[str, str], campaign: Campaign, brief: Brief, setting: Setting, folder: Path
) -> dict[tuple[str, str, str], None]:
    tried = with_words(campaign, brief.action, words)
    found = try_campaign(tried, setting, folder).errors[["check", "place", "found"]]
    return dict.fromkeys(found.itertuples(index=False, name=None))


def with_words(campaign: Campaign, action: str, words: Mapping[str, str]) -> Campaign:
    """Give the campaign with one arm alone, which says its offer in these words.

    Raises
    ------
    ParameterError
        If the words are no lines of a campaign file.
    """
    arm = campaign.actions[action]
    try:
        variant = Variant.model_validate({"slots": {**arm.slots, **words}})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ParameterError(f"Expected lines of text, but {place}: {first['msg']}.") from None
    changed: Action = arm.model_copy(update={"variants": {"tried": variant}})
    return campaign.model_copy(update={"actions": {action: changed}})


def _read_mapping(name: str) -> dict:
    try:
        content = yaml.safe_load((COPY_PATH / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"Expected params/copy/{name}, found none; write it.") from None
    except yaml.YAMLError:
        raise ParameterError(f"Expected YAML in params/copy/{name}, found an error.") from None
    if not isinstance(content, dict):
        raise ParameterError(f"Expected a mapping in params/copy/{name}, found something else.")
    return content
