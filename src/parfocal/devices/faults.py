"""Faults on demand, for devices that are not real: which kinds there are, and which are waiting to happen."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from parfocal.core.errors import BadInputError, nearest


class Faults:
    """Faults that were asked for and have not happened yet. Thread-safe.

    Parameters
    ----------
    kinds : mapping of str to mapping
        For each kind of fault its details and their defaults.

    Examples
    --------
    >>> faults = Faults({"late": {"seconds": 0.1}})
    >>> faults.inject("late", {"seconds": 0.5})
    >>> faults.take("late"), faults.take("late")
    ({'seconds': 0.5}, None)
    """

    def __init__(self, kinds: Mapping[str, Mapping[str, Any]]) -> None:
        self._kinds = {kind: dict(details) for kind, details in kinds.items()}
        self._waiting: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
        self._lock = threading.Lock()

    @property
    def are_waiting(self) -> bool:
        """Whether there are any to be taken: a device looks at this alone, as long as nobody injects one."""
        return any(self._waiting.values())

    def inject(self, kind: str, details: Mapping[str, Any]) -> None:
        """Let `kind` happen at the next occasion.

        Raises
        ------
        BadInputError
            For a kind or a detail that does not exist, naming those that do, or a value of another type.
        """
        if kind not in self._kinds:
            raise BadInputError(f"no fault is called {kind!r}; {nearest(kind, self._kinds)}")
        known = self._kinds[kind]
        for name, value in details.items():
            if name not in known:
                raise BadInputError(f"fault {kind!r} has no detail {name!r}; {nearest(name, known)}")
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                raise BadInputError(f"fault {kind!r}: {name} cannot be {value!r}")
            if isinstance(value, str) != isinstance(known[name], str) or (value != value):
                raise BadInputError(f"fault {kind!r}: {name} must be like {known[name]!r}, not {value!r}")
        with self._lock:
            self._waiting[kind].append({**known, **details})

    def take(self, kind: str) -> dict[str, Any] | None:
        """Return the details of the oldest waiting fault of a kind, now no longer waiting; or None."""
        with self._lock:
            return self._waiting[kind].pop(0) if self._waiting[kind] else None
