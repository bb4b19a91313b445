"""How calls are timed: one after another, beside a busy client, and in rounds of which the best counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

ROUNDS = 5

Call = Callable[[], Any]


class Timing(NamedTuple):
    """Median and 99th percentile, seconds."""

    p50: float
    p99: float


def calls_within(call: Call, seconds: float) -> int:
    """Return how often `call` returned within that time."""
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        call()
        count += 1
    return count


def timed(call: Call, count: int) -> Timing:
    """Time `count` calls, one after another."""
    return timing([_seconds(call) for _ in range(count)])


def timed_beside(make_busy: Callable[[], Call], call: Call, seconds: float) -> Timing:
    """Time a call every millisecond or so while another thread repeats the one that it made for itself."""
    stop, began = threading.Event(), threading.Event()

    def keep_busy() -> None:
        busy = make_busy()
        while not stop.is_set():
            began.set()
            busy()

    thread = threading.Thread(target=keep_busy)
    thread.start()
    began.wait()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        times.append(_seconds(call))
        time.sleep(0.001)
    stop.set()
    thread.join()
    return timing(times)


def best(rounds: Sequence[Timing]) -> Timing:
    """Return the lowest median and the lowest tail: what the rest of the machine disturbed least."""
    return Timing(min(one.p50 for one in rounds), min(one.p99 for one in rounds))


def best_of(rounds: int, measure: Callable[[], Timing]) -> Timing:
    """Measure in rounds, and return the best."""
    return best([measure() for _ in range(rounds)])


def _seconds(call: Call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def timing(times: Sequence[float]) -> Timing:
    """Return the median and the tail of times, seconds."""
    return Timing(float(np.median(times)), float(np.percentile(times, 99)))
