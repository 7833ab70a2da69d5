"""Time several cases in turn, so that the machine's moods fall on all of them alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter
from typing import Any, NamedTuple

WARM_UP = 50


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Case:
    """What is timed, and what comes before each sample, untimed.

    Attributes:
        run: The timed call; what it returns is awaited by `ainterleave`.
        before: Called before each sample.
    """

    run: Callable[[], Any]
    before: Callable[[], object] = nothing


@dataclass
class Samples:
    """Samples of one case, in seconds (or what the caller counts in)."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle sample."""
        return median(self.values)

    @property
    def low(self) -> float:
        """The 10th percentile: what the case takes when the machine is quiet."""
        return quantiles(self.values, n=10)[0]

    @property
    def us(self) -> str:
        """The median of seconds, spelled out in microseconds."""
        return f"{self.median * 1e6:.0f} us"


class Ratio(NamedTuple):
    """A ratio taken in three ways; where they differ, the machine was busy.

    Attributes:
        medians: The ratio of the medians: the result.
        low: The ratio of the 10th percentiles: what holds when the machine is quiet.
        paired: The median of what is found round by round.
    """

    medians: float
    low: float
    paired: float

    @property
    def check(self) -> str:
        """The two that are there to check the first."""
        return f"{self.low:.3g}x / {self.paired:.3g}x"

    def __str__(self) -> str:
        return f"{self.medians:.3g}x ({self.check})"


def ratio(one: Samples, other: Samples) -> Ratio:
    """Divide the samples of one case by those of another."""
    rounds = zip(one.values, other.values, strict=True)
    return Ratio(
        one.median / other.median,
        one.low / other.low,
        median(mine / theirs for mine, theirs in rounds),
    )


def share(one: Samples, other: Samples, base: Samples) -> Ratio:
    """Divide what one case takes beyond a base by what another takes beyond it."""
    return Ratio(
        (one.median - base.median) / (other.median - base.median),
        (one.low - base.low) / (other.low - base.low),
        _beyond(one, base) / _beyond(other, base),
    )


def _beyond(one: Samples, base: Samples) -> float:
    return median(a - b for a, b in zip(one.values, base.values, strict=True))


def interleave(cases: Mapping[str, Case], rounds: int) -> dict[str, Samples]:
    """Take one sample of each case a round, each time in another order."""
    samples = {name: Samples() for name in cases}
    for counts, name in _schedule(list(cases), rounds):
        case = cases[name]
        case.before()
        started = perf_counter()
        case.run()
        taken = perf_counter() - started
        if counts:
            samples[name].values.append(taken)
    return samples


async def ainterleave(cases: Mapping[str, Case], rounds: int) -> dict[str, Samples]:
    """Do the same with cases whose call is awaited; see `interleave`."""
    samples = {name: Samples() for name in cases}
    for counts, name in _schedule(list(cases), rounds):
        case = cases[name]
        prepared = case.before()
        if isinstance(prepared, Awaitable):
            await prepared
        started = perf_counter()
        await case.run()
        taken = perf_counter() - started
        if counts:
            samples[name].values.append(taken)
    return samples


def _schedule(names: Sequence[str], rounds: int) -> Iterator[tuple[bool, str]]:
    """Give (whether the sample counts, which case), in orders that turn and swap."""
    for number in range(-WARM_UP, rounds):
        first = number % len(names)
        order = [*names[first:], *names[:first]]
        for name in reversed(order) if number % 2 else order:
            yield number >= 0, name
