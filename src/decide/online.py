"""A contextual policy that learns as outcomes mature, one person at a time, by Vowpal Wabbit.

For decisions in real time; the optional extra `online`. Without it nothing here is imported.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
import json
import logging
from pathlib import Path
import tempfile
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from src.decide.assignment import draw
from src.errors import ConfigurationError, ParameterError
from src.models.cards import ModelCard
from src.models.store import ModelParts, read_kept, write_kept

__all__ = ["Decision", "OnlinePolicy", "OnlineSettings", "is_online_installed"]

logger = logging.getLogger(__name__)

_STAGE = "05_decide"
_OPTIONS = "--cb_explore_adf --squarecb --quadratic UA --quiet"


def is_online_installed() -> bool:
    """Whether the extra `online` is there."""
    return find_spec("vowpalwabbit") is not None


@dataclass(frozen=True)
class OnlineSettings:
    r"""What an online policy may do.

    Parameters
    ----------
    actions : tuple of str
        Arms, control among them.
    salt : str
        Names the draw of the experiment; see `src.decide.assignment.draw`.
    outcome_days : int
        Days after a decision until its outcome is whole. Nothing is learnt before.
    min_pscore : float, in (0, 1 / n_actions], default 0.02
        No arm is ever less likely: the learner's probabilities :math:`q` are mixed to
        :math:`p_a = (1 - k m)\, q_a + m`.
    reward_scale : float, default 1.0
        A typical reward, shop currency; the learner sees rewards divided by it.
    seed : int, default 1
        Of the learner.
    """

    actions: tuple[str, ...]
    salt: str
    outcome_days: int
    min_pscore: float = 0.02
    reward_scale: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse settings under which some arm could not be drawn."""
        k = len(self.actions)
        if k < 2 or len(set(self.actions)) < k:
            raise ParameterError(f"Expected two or more different actions, found {self.actions}.")
        if not 0 < self.min_pscore <= 1 / k:
            raise ParameterError(
                f"Expected min_pscore in (0, {1 / k:.3f}] for {k} actions, found "
                f"{self.min_pscore}; lower it."
            )
        if self.outcome_days < 0 or not 0 < self.reward_scale < np.inf:
            raise ParameterError(
                f"Expected outcome_days of at least 0 and a reward_scale above 0, found "
                f"{self.outcome_days} and {self.reward_scale}."
            )


@dataclass(frozen=True)
class Decision:
    """What was drawn for a person, and how likely it was.

    Parameters
    ----------
    decision_id : str
        Names the decision; the same again gets the same answer while its outcome is awaited.
    action : str
        Arm drawn.
    pscore : float, in [min_pscore, 1]
        Its probability.
    probabilities : tuple of float
        Of all arms, in the order of the settings.
    """

    decision_id: str
    action: str
    pscore: float
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class _Pending:
    """A decision whose outcome is awaited: the learner's text, the arms, and when."""

    text: str
    arm: int
    probabilities: tuple[float, ...]
    decided_at: str


class OnlinePolicy:
    """Decide with known probabilities, and learn from matured outcomes.

    Exploration is by inverse gap weighting: arms that seem nearly as good as the best are drawn
    nearly as often, hopeless ones rarely, and none less often than `min_pscore`.

    Parameters
    ----------
    settings : OnlineSettings
        What it may do.

    Raises
    ------
    ConfigurationError
        If the extra is not installed.

    References
    ----------
    .. Foster, D. and Rakhlin, A. (2020). Beyond UCB: optimal and efficient contextual bandits
       with regression oracles. ICML: SquareCB.
    .. Joulani, P., György, A. and Szepesvári, C. (2013). Online learning under delayed
       feedback. ICML: what waiting for outcomes costs.
    """

    def __init__(self, settings: OnlineSettings) -> None:
        self.settings = settings
        self.n_learned = 0
        self._workspace = _open_workspace(f"{_OPTIONS} --random_seed {settings.seed}")
        self._arms = [f"|A arm={quote(name, safe='')}" for name in settings.actions]
        self._pending: dict[str, _Pending] = {}

    @property
    def n_pending(self) -> int:
        """Decisions whose outcome is awaited."""
        return len(self._pending)

    def decide(
        self, decision_id: str, features: Mapping[str, float | str | bool], decided_at: pd.Timestamp
    ) -> Decision:
        """Draw an arm by keyed hash of the decision, so that a repeated call changes nothing.

        Parameters
        ----------
        decision_id : str
            Such as campaign and pseudonymous customer; never a name or an address.
        features : mapping
            What is known of the person: numbers, truth values, or categories as text. Missing
            values (None or NaN) are left out.
        decided_at : Timestamp with time zone
            Moment of the decision.
        """
        waiting = self._pending.get(decision_id)
        if waiting is None:
            if decided_at.tzinfo is None:
                raise ParameterError(f"Expected decided_at with a time zone, found {decided_at}.")
            text = _as_text(features)
            probabilities = self._mix(self._workspace.predict([text, *self._arms]))
            edges = np.cumsum(probabilities[:-1])
            arm = int((draw([decision_id], self.settings.salt)[0] >= edges).sum())
            at = decided_at.tz_convert("UTC").isoformat()
            waiting = _Pending(text, arm, tuple(probabilities.tolist()), at)
            self._pending[decision_id] = waiting
        return Decision(
            decision_id,
            self.settings.actions[waiting.arm],
            waiting.probabilities[waiting.arm],
            waiting.probabilities,
        )

    def _mix(self, found: list[float]) -> np.ndarray:
        share = np.asarray(found, dtype=float)
        floor = self.settings.min_pscore
        return (1 - floor * len(share)) * share / share.sum() + floor

    def learn(self, outcomes: Mapping[str, float], as_of: pd.Timestamp) -> int:
        """Learn from the decisions whose window is over, and forget that they were awaited.

        Parameters
        ----------
        outcomes : mapping of str to float
            Reward by decision, shop currency, over its whole window up to `as_of`; absent is 0.
            Decisions that are not yet mature are passed over, whatever has come of them so far:
            who answers at once is not like everybody else.
        as_of : Timestamp with time zone
            Moment up to which the outcomes are known.

        Returns
        -------
        int
            Decisions learnt from.
        """
        if as_of.tzinfo is None:
            raise ParameterError(f"Expected as_of with a time zone, found {as_of}.")
        latest = as_of.tz_convert("UTC") - pd.Timedelta(days=self.settings.outcome_days)
        mature = sorted(
            (waiting.decided_at, decision_id)
            for decision_id, waiting in self._pending.items()
            if pd.Timestamp(waiting.decided_at) <= latest
        )
        wrong = [name for _, name in mature if not np.isfinite(outcomes.get(name, 0.0))]
        if wrong:
            raise ParameterError(
                f"Expected finite rewards, but {len(wrong)} are not (first: {wrong[0]!r}); leave "
                "out decisions without an outcome."
            )
        for _, decision_id in mature:
            self._learn_one(self._pending.pop(decision_id), outcomes.get(decision_id, 0.0))
        self.n_learned += len(mature)
        logger.info("online policy: learnt %d, %d awaited", len(mature), self.n_pending)
        return len(mature)

    def _learn_one(self, waiting: _Pending, reward: float) -> None:
        lines = [waiting.text, *self._arms]
        cost = -reward / self.settings.reward_scale
        label = f"0:{cost!r}:{waiting.probabilities[waiting.arm]!r} "
        lines[waiting.arm + 1] = label + lines[waiting.arm + 1]
        self._workspace.learn(lines)

    def save(self, folder: Path, as_of_date: str) -> str:
        """Keep policy and awaited decisions, sealed (`src.models.store`); gives the digest."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "policy.vw"
            self._workspace.save(str(path))
            content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        pending = {name: asdict(waiting) for name, waiting in self._pending.items()}
        plain = {"settings": asdict(self.settings), "n_learned": self.n_learned}
        parts = ModelParts(plain, {"pending": json.dumps(pending)}, {"workspace": content})
        return write_kept(folder, parts, self._card(as_of_date))

    @classmethod
    def load(cls, folder: Path) -> "OnlinePolicy":
        """Read what `save` kept here; anything else is refused before it is parsed."""
        parts = read_kept(folder, _STAGE).parts
        settings: dict[str, Any] = dict(parts.plain["settings"])
        policy = cls(OnlineSettings(**(settings | {"actions": tuple(settings["actions"])})))
        policy.n_learned = int(parts.plain["n_learned"])
        for name, waiting in json.loads(parts.texts["pending"]).items():
            shares = tuple(waiting["probabilities"])
            policy._pending[name] = _Pending(**(waiting | {"probabilities": shares}))
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "policy.vw"
            path.write_bytes(parts.arrays["workspace"].tobytes())
            policy._workspace = _open_workspace(f"--initial_regressor {path} --quiet")
        return policy

    def _card(self, as_of_date: str) -> ModelCard:
        return ModelCard(
            stage=_STAGE,
            purpose="Draws an action for one person at a time and learns from matured outcomes.",
            model="vowpal_wabbit_squarecb",
            baseline="every action with the same probability",
            verdict=f"It has learnt from {self.n_learned:,} outcomes; whether it is better than "
            "the running policy is judged on its log, by off-policy evaluation.",
            as_of_date=as_of_date,
            seed=self.settings.seed,
            inputs={},
            outputs={"action": "string", "pscore": "float64"},
            limits=("It knows only people like those it has decided for.",),
            versions={"vowpalwabbit": version("vowpalwabbit")},
        )


def _open_workspace(options: str) -> Any:
    if not is_online_installed():
        raise ConfigurationError(
            "Expected the extra `online` to decide with Vowpal Wabbit, but vowpalwabbit is not "
            "installed; run make online."
        )
    import vowpalwabbit

    return vowpalwabbit.Workspace(options)


def _as_text(features: Mapping[str, float | str | bool]) -> str:
    """Write features in the learner's text form, every sign with a meaning of its own escaped."""
    words = []
    for name, value in features.items():
        if value is None or value != value:
            continue
        if isinstance(value, str):
            words.append(f"{quote(name, safe='')}={quote(value, safe='')}")
        elif np.isfinite(value):
            words.append(f"{quote(name, safe='')}:{float(value)!r}")
        else:
            raise ParameterError(f"Expected {name} finite, found {value}; leave it out.")
    return "shared |U " + " ".join(words)
