"""How fast, how many at once, and who is left in peace for a while.

Rates are kept over sliding windows: in no window of a second, wherever it begins, are there more
messages than the rate allows. A domain that asks for less gets half at once, and more again
little by little: additive increase, multiplicative decrease, as TCP and Postfix do it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import math
import time

from src.errors import ParameterError
from src.send.channels import Pause

__all__ = ["Limits", "Throttle"]

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 300.0
_SLOWEST_PER_SECOND = 1 / 60
_MEASURED_SECONDS, _SHORTEST_MEASURE_SECONDS = 5.0, 0.2
_GROWTH_PER_SECOND = 1.05
_MAX_REMEMBERED = 20_000


@dataclass(frozen=True)
class Limits:
    """What a sender may ask of servers.

    Parameters
    ----------
    per_second, domain_per_second : float, default inf
        Messages in any second, in all and to one domain.
    domain_at_once : int or None
        Messages under way to one domain; None: as many as there are connections.
    n_left : int or None
        Messages that may still go out today by the warm-up plan; None: any number.
    patience_seconds : float, default 60
        A pass that would have to wait longer ends instead; what is left waits in the ledger.
    """

    per_second: float = math.inf
    domain_per_second: float = math.inf
    domain_at_once: int | None = None
    n_left: int | None = None
    patience_seconds: float = 60.0

    def __post_init__(self) -> None:
        rates = self.per_second, self.domain_per_second
        if min(rates) <= 0 or (self.domain_at_once is not None and self.domain_at_once < 1):
            raise ParameterError(
                f"Expected rates above 0 and at least 1 message at once, found {rates} and "
                f"{self.domain_at_once}; mend the channel file or --rate."
            )


@dataclass
class _Lane:
    """One domain, or everything together."""

    limit: float
    rate: float
    most_at_once: float = math.inf
    at_once: float = math.inf
    paused_until: float = 0.0
    pause: float = _FIRST_PAUSE_SECONDS
    grown_at: float = 0.0
    handed: deque[float] = field(default_factory=lambda: deque(maxlen=_MAX_REMEMBERED))

    def free_at(self, now: float) -> float:
        """Earliest time at which one more message keeps the rate."""
        self._grow(now)
        at = self.paused_until
        if self.rate > _MAX_REMEMBERED:
            return at
        n_in_window, window = (int(self.rate), 1.0) if self.rate >= 1 else (1, 1 / self.rate)
        if n_in_window <= len(self.handed):
            at = max(at, self.handed[-n_in_window] + window)
        return at

    def slow_down(self, now: float) -> None:
        """Half of what went lately, half as many at once, and a pause that doubles."""
        recent = [at for at in self.handed if at > now - _MEASURED_SECONDS]
        seconds = max(now - recent[0], _SHORTEST_MEASURE_SECONDS) if recent else 1.0
        reached = min(self.rate, max(len(recent) / seconds, 1.0))
        self.rate = max(_SLOWEST_PER_SECOND, reached / 2)
        self.paused_until = now + self.pause
        self.pause = min(_LONGEST_PAUSE_SECONDS, 2 * self.pause)
        self.grown_at = self.paused_until

    def speed_up(self) -> None:
        """Note that a message was taken: one more at once, and the next pause is a short one."""
        self.pause = _FIRST_PAUSE_SECONDS
        self.at_once = min(self.most_at_once, self.at_once + 1 / self.at_once)

    def _grow(self, now: float) -> None:
        if self.rate >= self.limit or now <= self.grown_at:
            return
        self.rate = min(self.limit, self.rate * _GROWTH_PER_SECOND ** (now - self.grown_at))
        self.grown_at = now
        if self.rate > _MAX_REMEMBERED:
            self.rate = self.limit


class Throttle:
    """Chooses what may go next, and learns from how it ended.

    Parameters
    ----------
    limits : Limits
        What may be asked.
    now : callable, default a monotonic clock
        Seconds.
    """

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.now = now
        self.n_left = math.inf if limits.n_left is None else limits.n_left
        self._all = _Lane(limits.per_second, limits.per_second)
        self._lanes: dict[str, _Lane] = {}

    def choose(self, domains: Mapping[str, str], n_most: int) -> list[str]:
        """Choose messages that may be handed over now, side by side.

        Parameters
        ----------
        domains : mapping of str to str
            Domain by message key, in the order they wait.
        n_most : int
            Most messages to choose.

        Returns
        -------
        list of str
            Keys; they count as handed over.
        """
        now, chosen, busy = self.now(), [], {}
        for key, domain in domains.items():
            if len(chosen) >= min(n_most, self.n_left) or self._all.free_at(now) > now:
                break
            lane = self._lane(domain)
            n_busy = busy.get(domain, 0)
            if n_busy < max(1, int(min(lane.at_once, n_most))) and lane.free_at(now) <= now:
                busy[domain] = n_busy + 1
                chosen.append(key)
                lane.handed.append(now)
                self._all.handed.append(now)
        self.n_left -= len(chosen)
        return chosen

    def give_back(self, n_chosen: int) -> None:
        """Chosen messages were not handed over, for the server is not there."""
        self.n_left += n_chosen
        self.learn("", Pause.SERVER)

    def seconds_to_wait(self, domains: Mapping[str, str]) -> float:
        """Seconds until one of the waiting messages may go; infinite if none may today."""
        if self.n_left <= 0:
            return math.inf
        now = self.now()
        lanes = [self._lane(domain).free_at(now) for domain in set(domains.values())]
        return max(0.0, max(self._all.free_at(now), min(lanes, default=now)) - now)

    def learn(self, domain: str, pause: Pause) -> None:
        """Take note of how a message to a domain ended."""
        lane = self._lane(domain)
        if pause == Pause.NONE:
            lane.speed_up()
            self._all.pause = _FIRST_PAUSE_SECONDS
        elif pause == Pause.DOMAIN and lane.paused_until <= self.now():
            lane.slow_down(self.now())
            lane.at_once = max(1.0, min(lane.at_once, 64.0) / 2)
        elif pause == Pause.SERVER and self._all.paused_until <= self.now():
            self._all.paused_until = self.now() + self._all.pause
            self._all.pause = min(_LONGEST_PAUSE_SECONDS, 2 * self._all.pause)

    def _lane(self, domain: str) -> _Lane:
        lane = self._lanes.get(domain)
        if lane is None:
            rate, most = self.limits.domain_per_second, self.limits.domain_at_once or math.inf
            lane = _Lane(rate, rate, most, most)
            self._lanes[domain] = lane
        return lane
