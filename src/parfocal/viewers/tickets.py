"""What became of something that was sent to a viewer: waiting, received, shown, or failed and why."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import DeadlineError, ServiceUnavailableError, ViewerError

if TYPE_CHECKING:
    from collections.abc import Callable

_ASKS_S = 1.0


class Ticket:
    """Of one image, a batch of them, or one wish. Any thread.

    Parameters
    ----------
    id : str
        Names it in the viewer.
    ask : callable
        ``ask(id, timeout_s)`` returns what the viewer says of it: "shown", "failed: why", or None.
    """

    def __init__(self, id: str, ask: Callable[[str, float], str | None]) -> None:
        self.id = id
        self._ask = ask
        self._arrived = threading.Event()
        self._failure = ""
        self._shown = False
        self.value: Any = None

    def __repr__(self) -> str:
        return f"<Ticket {self.id}: {self.state}>"

    @property
    def state(self) -> str:
        """Return "queued", "received", "shown" or "failed: why", as far as it is known here."""
        if self._failure:
            return f"failed: {self._failure}"
        return "shown" if self._shown else "received" if self._arrived.is_set() else "queued"

    def received(self, timeout_s: float | None = None) -> Any:
        """Block until the viewer has it; return what it answered, None to an image.

        Raises
        ------
        ViewerError
            If it has not taken it; says why.
        DeadlineError
            If `timeout_s` passed first; it may still come.
        """
        if not self._arrived.wait(timeout_s):
            raise DeadlineError(f"the viewer has not received it after {timeout_s} s; it goes on")
        if self._failure:
            raise ViewerError(self._failure)
        return self.value

    def shown(self, timeout_s: float | None = None) -> None:
        """Block until it was painted: the window's pixels were that image then. Raises as `received` does.

        What a command has replaced in the meantime, such as `select`, counts as painted with that.
        """
        end_ns = None if timeout_s is None else SYSTEM_CLOCK.monotonic_ns() + int(timeout_s * 1e9)
        self.received(timeout_s)
        while not self._shown:
            left_s = _ASKS_S if end_ns is None else (end_ns - SYSTEM_CLOCK.monotonic_ns()) / 1e9
            if left_s <= 0:
                raise DeadlineError(f"the viewer has not painted it after {timeout_s} s; it goes on")
            self._look(min(left_s, _ASKS_S))

    def arrive(self, value: Any = None) -> None:
        """Tell that the viewer has it. For who sends it."""
        self.value = value
        self._arrived.set()

    def fail(self, why: str) -> None:
        """Tell why it will not be shown. For who sends it."""
        self._failure = why
        self._arrived.set()

    def _look(self, timeout_s: float) -> None:
        try:
            stated = self._ask(self.id, timeout_s)
        except DeadlineError:
            return  # it does not answer now: asked again until the time is up
        except ServiceUnavailableError as error:
            self._failure = f"the viewer ended before it painted it ({error})"
            raise ViewerError(self._failure) from error
        if stated is not None and stated.startswith("failed: "):
            self._failure = stated.removeprefix("failed: ")
            raise ViewerError(self._failure)
        self._shown = stated == "shown"
