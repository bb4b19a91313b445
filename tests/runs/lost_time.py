"""Limits of time on a machine that others use as well: exact on a free one, as much longer as it is late."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.processes.system import fair_share

_LOOK_S = 0.05


class LostTime:
    """Measures, in a thread of its own, how much later than asked for it is woken."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lost time")

    def limit_s(self, limit_s: float) -> float:
        """Return what `limit_s` of a free machine has become on this one."""
        return (limit_s + self.seconds) / fair_share()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        began_ns = SYSTEM_CLOCK.monotonic_ns()
        while not self._over.wait(_LOOK_S):
            now_ns = SYSTEM_CLOCK.monotonic_ns()
            self.seconds += max(0.0, (now_ns - began_ns) * 1e-9 - _LOOK_S)
            began_ns = now_ns
