"""What is opened is closed by whoever opened it: one who forgets it is warned."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import warnings
import weakref
from collections.abc import Callable

_HOW = "use it in a with block, or call its close()"
_PENDING: dict[int, Reminder] = {}


class Reminder:
    """Warns that its owner was not closed: when the owner is collected, or else when the program ends.

    What a thread of its own keeps at work is never collected. A fork that ends is not warned: what it has
    are copies.

    Parameters
    ----------
    owner : object
        What is to be closed.
    what : str
        The owner's name in the `ResourceWarning`.
    how : str
        How to close it.
    let_go : callable, optional
        Closes what the owner left behind when it was collected, in a thread of its own, as the collector may
        run in any, whatever that holds. It must not refer to the owner.

    Examples
    --------
    >>> class Door:
    ...     def __init__(self):
    ...         self.reminder = Reminder(self, "the door")
    ...
    ...     def close(self):
    ...         self.reminder.cancel()
    >>> door = Door()
    >>> still_open()
    ('the door',)
    >>> door.close()
    >>> still_open()
    ()
    """

    def __init__(
        self, owner: object, what: str, how: str = _HOW, let_go: Callable[[], None] | None = None
    ) -> None:
        self.what = what
        self._how = how
        self._let_go = let_go
        self._pid = os.getpid()
        self._finalizer = weakref.finalize(owner, self._remind)
        self._finalizer.atexit = False
        _PENDING[id(self)] = self

    def cancel(self) -> None:
        """Warn no longer: the owner is closed. Any thread; idempotent."""
        self._finalizer.detach()
        _PENDING.pop(id(self), None)

    def warn(self) -> None:
        """Warn now, and never again."""
        self.cancel()
        if os.getpid() == self._pid:
            warnings.warn(f"{self.what} was not closed: {self._how}", ResourceWarning, stacklevel=2)

    def _remind(self) -> None:
        if self._let_go is not None and os.getpid() == self._pid:
            with contextlib.suppress(RuntimeError):  # the program ends
                _thread.start_new_thread(self._let_go, ())
        self.warn()


def still_open() -> tuple[str, ...]:
    """Return the names of what was opened and is not closed yet."""
    return tuple(reminder.what for reminder in list(_PENDING.values()))


@atexit.register
def _warn_of_all() -> None:
    for reminder in list(_PENDING.values()):
        reminder.warn()
