"""Faults of the connection, made on demand: see `KINDS`."""

from __future__ import annotations

import threading

import msgspec
from msgspec.structs import replace

from parfocal.core.errors import BadInputError, nearest
from parfocal.core.text_values import named_fields

KINDS = {
    "drop": "the answer is never sent; the board did what was asked",
    "lose": "the request is lost before the board does anything",
    "delay": "the answer comes late, by delay_s",
    "wrong_echo": "the answer begins with another header",
    "crumbs": "the answer comes byte by byte",
    "half_frame": "the answer stops in the middle, and the connection stays open",
    "refuse": "connections are closed as soon as they are made, and the present one too",
    "die": "the server ends as if it had been killed",
}


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault, waiting for its turn.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    after : int
        How many transactions pass first.
    count : int
        How many transactions (connections for "refuse") it hits; -1 for all.
    letter : str
        "r" or "w" to hit only reads or only writes; "" for both.
    delay_s : float
        How late, for "delay".
    """

    kind: str
    after: int = 0
    count: int = 1
    letter: str = ""
    delay_s: float = 0.5

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Return the fault that a line such as ``drop,after=10,letter=w`` asks for.

        Examples
        --------
        >>> Fault.parse("delay,delay_s=0.2,count=-1")
        Fault(kind='delay', after=0, count=-1, letter='', delay_s=0.2)
        """
        kind, *details = text.split(",")
        return named_fields([f"kind={kind}", *details], cls, f"fault {text!r}")

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInputError(f"fault {self.kind!r}: {nearest(self.kind, KINDS)}")
        if self.letter not in ("", "r", "w"):
            raise BadInputError(f"letter {self.letter!r} of a fault is 'r', 'w' or ''")


class FaultPlan:
    """Faults in the order in which they were asked for; each transaction takes at most one. Thread-safe.

    Examples
    --------
    >>> plan = FaultPlan()
    >>> plan.add(Fault(kind="drop", after=1))
    >>> [fault and fault.kind for fault in (plan.take("r"), plan.take("r"), plan.take("r"))]
    [None, 'drop', None]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let `fault` happen in its turn."""
        with self._lock:
            self._queue.append(fault)

    def clear(self) -> None:
        """Let nothing happen any more."""
        with self._lock:
            self._queue.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._queue)

    def take(self, letter: str) -> Fault | None:
        """Return the fault that this transaction suffers, if any. "c" stands for a new connection."""
        with self._lock:
            for place, fault in enumerate(self._queue):
                if not _concerns(fault, letter):
                    continue
                if fault.after > 0:
                    self._queue[place] = replace(fault, after=fault.after - 1)
                    continue
                left = [] if fault.count == 1 else [replace(fault, count=fault.count - 1)]
                self._queue[place : place + 1] = left
                return fault
        return None


def _concerns(fault: Fault, letter: str) -> bool:
    if fault.kind == "refuse":
        return True
    return letter != "c" and fault.letter in ("", letter)
