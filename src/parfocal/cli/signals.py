"""Signals that end a job in order: the first one interrupts it, and those after it wait for that end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C, a polite kill, and a terminal that was closed; not every system has all."""


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at the first signal in the block, with its name unless it is Ctrl-C.

    What comes after it is answered in a line on stderr: the end goes on. After the block none has any effect,
    if one came: what is left is to say how it went. For the main thread.
    """
    came = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1:
            interrupt(number, frame)
        if len(came) == 2:
            sys.stderr.write("parfocal: ending in order; what was measured is being saved\n")

    before = {number: signal.signal(number, on_signal) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if came else handler)


@contextmanager
def counted_signals() -> Iterator[list[str]]:
    """Yield a list that grows by the name of each ending signal in the block, which does nothing else.

    For the main thread, which has to look at it.
    """
    came: list[str] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        came.append(signal.Signals(number).name)

    before = {number: signal.signal(number, on_signal) for number in ending_signals()}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ending_signals() -> list[signal.Signals]:
    """Return the signals that end a program; SIGHUP is left alone where nohup has it ignored."""
    found = [signal.Signals[name] for name in NAMES if hasattr(signal, name)]
    return [each for each in found if each.name != "SIGHUP" or signal.getsignal(each) != signal.SIG_IGN]


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt` with the name of the signal, unless it is Ctrl-C: a handler of signals."""
    del frame
    name = signal.Signals(number).name
    raise KeyboardInterrupt("" if name == "SIGINT" else name)
