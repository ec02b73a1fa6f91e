"""Copy by a language model behind any server that speaks the OpenAI protocol."""

from dataclasses import dataclass, field
import hashlib
import importlib.util
import json
import os
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from src.campaign.copy import Brief, Candidate, ProviderError
from src.campaign.copy_cache import CopyCache
from src.errors import ConfigurationError, ParameterError

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["KEY_VARIABLE", "ModelCopy", "ModelSettings", "make_prompt", "prompt_sha256"]

KEY_VARIABLE = "CAMPANILE_LLM_KEY"
"""Environment variable with the key of the server; never written down anywhere."""

_LANGUAGES = {"en": "English", "zh": "Simplified Chinese"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MAX_WORDS_CHARS = 300
_VERSION = 1


@dataclass(frozen=True)
class ModelSettings:
    """Which model, where, and how much of it.

    Parameters
    ----------
    base_url : str
        Of the server, such as `https://api.example.com/v1`; https unless on this machine.
    model : str
        Name of the model there.
    temperature, seed : float, int
        Kept with each candidate; not every server heeds the seed.
    timeout_seconds : float, default 20
        For the whole answer, however slowly it comes.
    max_bytes : int, default 65,536
        Of the whole answer; the rest is not read.
    """

    base_url: str
    model: str
    temperature: float = 0.7
    seed: int = 0
    timeout_seconds: float = 20.0
    max_bytes: int = 65_536

    def __post_init__(self) -> None:
        address = urlsplit(self.base_url)
        is_near = address.scheme == "http" and address.hostname in _LOOPBACK
        if not (address.hostname and (address.scheme == "https" or is_near)):
            raise ParameterError(
                f"Expected the https address of a language model's server, found "
                f"{self.base_url!r:.80}; plain http is for this machine alone."
            )


@dataclass(frozen=True)
class ModelCopy:
    """Proposes what a language model writes; its answers are kept by the hash of the prompt."""

    settings: ModelSettings
    cache_folder: Path
    name: str = field(default="model", init=False)

    def generate(self, brief: Brief) -> list[Candidate]:
        """Ask the model, or remember what it said to the same prompt.

        Raises
        ------
        ProviderError
            If it cannot be reached in time, says too much, or nothing that can be read.
        ConfigurationError
            If the extra `llm` or the key is missing.
        """
        sha256 = prompt_sha256(brief, self.settings)
        cache = CopyCache(self.cache_folder)
        answer = cache.read(sha256)
        is_cached = answer is not None
        if answer is None:
            answer = self._ask(brief)
        found = _read_variants(answer, brief)
        if not is_cached:
            cache.write(sha256, answer)
        source = {
            "model": self.settings.model,
            "prompt_sha256": sha256,
            "seed": self.settings.seed,
            "temperature": self.settings.temperature,
        }
        return [Candidate(words, self.name, source) for words in found]

    def _ask(self, brief: Brief) -> str:
        """Ask in a thread of its own: whatever the server does, the wait has an end."""
        client, body = _open_client(self.settings), _body(brief, self.settings)
        answers: Queue[bytes | Exception] = Queue()

        def ask() -> None:
            try:
                answers.put(_receive(client, body, self.settings.max_bytes))
            except Exception as error:  # told by the thread that waits
                answers.put(error)

        Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=self.settings.timeout_seconds)
        except Empty:
            seconds = self.settings.timeout_seconds
            raise ProviderError(f"The answer took more than {seconds:g} s.") from None
        finally:
            client.close()
        if isinstance(answer, Exception):
            raise _told(answer) from None
        return _content(answer)


def _receive(client: "OpenAI", body: dict, max_bytes: int) -> bytes:
    """Read an answer as it comes, undecoded, so that a small one cannot unpack into a large."""
    whole = b""
    with client.chat.completions.with_streaming_response.create(**body) as response:
        for piece in response.http_response.iter_raw():
            whole += piece
            if len(whole) > max_bytes:
                raise ProviderError(f"The answer had more than {max_bytes:,} bytes.")
    return whole


def _told(error: Exception) -> ProviderError:
    """Say what went wrong in words of our own: an answer may repeat the key it was given."""
    import openai

    if isinstance(error, ProviderError):
        return error
    if isinstance(error, openai.APIStatusError):
        return ProviderError(f"The server answered {error.status_code}.")
    return ProviderError(f"The server was not reached, or broke off ({type(error).__name__}).")


def make_prompt(brief: Brief) -> list[dict[str, str]]:
    """Write the prompt: what is offered and in which form to answer, nothing of any person."""
    slots = ", ".join(f'"{slot}"' for slot in brief.slots)
    fields = ["{{ valid_day }}", "{{ offer_headline }}"] if brief.has_offer else []
    rules = [
        f"Write in {_LANGUAGES[brief.language]}.",
        f"Promise nothing but this offer: {brief.offer}.",
        f"A subject has at most {brief.tone.subject_columns} characters.",
        f"Tone: {brief.tone.tone}. {brief.tone.hint}",
        "No superlatives, no capitals for emphasis, no emoji, no links.",
        f'Answer with JSON alone: {{"variants": [{{{slots}}}]}}, each value one line of text, '
        f"{brief.n_variants} variants.",
    ]
    if fields:
        rules.append(f"Write {' and '.join(fields)} where day and offer stand; they are filled in.")
    return [
        {"role": "system", "content": "You write short, honest messages for a shop."},
        {"role": "user", "content": f"Goal: {brief.goal}\n" + "\n".join(rules)},
    ]


def prompt_sha256(brief: Brief, settings: ModelSettings) -> str:
    """Hash everything that decides the answer: server, model, prompt, seed and temperature."""
    text = json.dumps([_VERSION, settings.base_url, _body(brief, settings)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _body(brief: Brief, settings: ModelSettings) -> dict:
    return {
        "model": settings.model,
        "messages": make_prompt(brief),
        "temperature": settings.temperature,
        "seed": settings.seed,
        "max_tokens": 200 * brief.n_variants,
        "response_format": {"type": "json_object"},
    }


def _open_client(settings: ModelSettings) -> "OpenAI":
    if importlib.util.find_spec("openai") is None:
        raise ConfigurationError(
            "Expected the extra `llm` to ask a language model, found no openai; run make llm, or "
            "leave the model out: templates need none."
        )
    import openai

    key = os.environ.get(KEY_VARIABLE, "")
    is_near = urlsplit(settings.base_url).hostname in _LOOPBACK
    if not key and not is_near:
        raise ConfigurationError(
            f"Expected the key of the model's server in {KEY_VARIABLE}, found none; set it, or "
            "leave the model out."
        )
    transport = openai.DefaultHttpxClient(follow_redirects=False, trust_env=not is_near)
    return openai.OpenAI(
        base_url=settings.base_url,
        api_key=key or "none",
        timeout=settings.timeout_seconds,
        max_retries=0,
        http_client=transport,
        default_headers={"Accept-Encoding": "identity"},
    )


def _content(body: bytes) -> str:
    """Take the model's words out of the server's answer."""
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ProviderError("The server's answer could not be read.") from None
    if not isinstance(content, str) or not content.strip():
        raise ProviderError("The model said nothing.")
    return content


def _read_variants(answer: str, brief: Brief) -> list[dict[str, str]]:
    """Take variants out of an answer, with or without a fence around its JSON."""
    start, end = answer.find("{"), answer.rfind("}")
    try:
        variants = json.loads(answer[start : end + 1])["variants"]
        found = [dict(variant) for variant in variants][: brief.n_variants]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ProviderError("The model's words were not in the form asked for.") from None
    texts = [text for words in found for text in (*words, *words.values())]
    if not found or not all(isinstance(t, str) and len(t) <= _MAX_WORDS_CHARS for t in texts):
        raise ProviderError("The model's words were not in the form asked for.")
    return [{slot: " ".join(text.split()) for slot, text in words.items()} for words in found]
