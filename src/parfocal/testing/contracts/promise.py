"""A promise of a kind of device, and what is needed to find out whether a device keeps it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from parfocal.core.clock import Clock

Needs = Literal["nothing", "exposure", "motion", "light"]
"""What happens to the instrument: nothing, it exposes, something moves, or a light goes on."""
Check = Callable[["Trial"], None]
F = TypeVar("F", bound=Check)


class NotAskable(Exception):
    """A promise cannot be looked at on this device: it lacks the optional power that would show it."""


@dataclass(frozen=True)
class Trial:
    """An open device, and the clock that it goes by.

    Attributes
    ----------
    device : Any
        Open when the check begins.
    clock : Clock
        The clock of its context: a `JumpClock`, on which waiting takes no time, or the machine's.
    """

    device: Any
    clock: Clock

    def pause(self, seconds: float) -> None:
        """Let time pass on the device's clock."""
        self.clock.sleep(seconds)

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        """Look again and again until something is true; `AssertionError` if it is not within the time."""
        end_ns = self.clock.monotonic_ns() + round(timeout_s * 1e9)
        while not condition():
            assert self.clock.monotonic_ns() < end_ns, f"{what} did not come true within {timeout_s} s"
            self.pause(0.01)


@dataclass(frozen=True)
class Promise:
    """One sentence about a kind of device, and how it is found out whether it is true.

    Attributes
    ----------
    name : str
        Of the check.
    text : str
        The promise as a sentence.
    needs : str
        What must be allowed for it.
    check : callable
        ``check(trial)`` raises `AssertionError` if the promise is broken, `NotAskable` if it can't be told.
    """

    name: str
    text: str
    needs: Needs
    check: Check

    def __str__(self) -> str:
        return self.name


class Promises(Sequence[Promise]):
    """The promises of one kind of device, in the order in which they are written down.

    Examples
    --------
    >>> lamp = Promises("lamp")
    >>> @lamp.promise(needs="light")
    ... def safe_is_off(trial):
    ...     "Made safe, it is off."
    >>> [(promise.name, promise.text) for promise in lamp]
    [('safe_is_off', 'Made safe, it is off.')]
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._promises: list[Promise] = []

    def __len__(self) -> int:
        return len(self._promises)

    def __getitem__(self, place: Any) -> Any:
        return self._promises[place]

    def promise(self, needs: Needs = "nothing") -> Callable[[F], F]:
        """Add a check; its docstring is the promise."""

        def add(check: F) -> F:
            text = (inspect.getdoc(check) or "").partition("\n")[0]
            self._promises.append(Promise(check.__name__, text, needs, check))
            return check

        return add


@contextlib.contextmanager
def refused(*kinds: type[Exception], saying: str) -> Iterator[None]:
    """Expect that the block raises one of `kinds` with `saying` in its message."""
    try:
        yield
    except kinds as error:
        if saying not in str(error):
            raise AssertionError(f"the error should speak of {saying!r}, but says: {error}") from error
        return
    names = " or ".join(kind.__name__ for kind in kinds)
    raise AssertionError(f"it was not refused with {names}")
