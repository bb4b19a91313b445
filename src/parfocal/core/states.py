"""State machines as tables. A state changes only by compare-and-set, so no transition can be lost."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Generic, TypeVar

from parfocal.core.errors import BadInputError

S = TypeVar("S")


class StateMachine(Generic[S]):
    """A state that moves along a table of allowed transitions.

    Parameters
    ----------
    initial : S
        Where it begins.
    table : mapping of S to frozenset of S
        For each state those that may follow. A state with no followers is an end.

    Notes
    -----
    Thread-safe. Of several threads that try to leave one state, exactly one succeeds.

    Examples
    --------
    >>> door = StateMachine("shut", {"shut": frozenset({"open"}), "open": frozenset({"shut"})})
    >>> door.move("shut", "open"), door.state
    (True, 'open')
    >>> door.move("shut", "open")
    False
    """

    def __init__(self, initial: S, table: Mapping[S, frozenset[S]]) -> None:
        unknown = {new for followers in table.values() for new in followers} | {initial}
        if not unknown <= set(table):
            raise BadInputError(f"states {unknown - set(table)} are not in the table")
        self._table = table
        self._state = initial
        self._changed = threading.Condition()

    @property
    def state(self) -> S:
        """The state now."""
        return self._state

    def move(self, expected: S, new: S) -> bool:
        """Go from `expected` to `new` if that is where it stands; return whether it did.

        Raises
        ------
        BadInputError
            If the table has no such transition, whatever the state is.
        """
        if new not in self._table.get(expected, frozenset()):
            raise BadInputError(f"no transition from {expected} to {new}")
        with self._changed:
            if self._state != expected:
                return False
            self._state = new
            self._changed.notify_all()
        return True

    def advance(self, new: S) -> bool:
        """Go to `new` from wherever it stands if the table allows that; return whether it did."""
        while True:
            now = self._state
            if new not in self._table[now]:
                return False
            if self.move(now, new):
                return True

    def wait_for(self, *wanted: S, timeout_s: float | None = None) -> bool:
        """Block until the state is one of `wanted`; return False if `timeout_s` passed first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state in wanted, timeout_s)
