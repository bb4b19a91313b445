"""Keys as they are pressed, without Enter, on a terminal of Linux, macOS or Windows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from parfocal.core.clock import SYSTEM_CLOCK

KeyReader = Callable[[float], str]
"""Waits up to some seconds for a key, and returns it; "" if none was pressed."""


@contextmanager
def pressed_keys() -> Iterator[KeyReader]:
    """Have the terminal give keys one by one until the block ends; without a terminal none ever comes."""
    if not sys.stdin.isatty():
        yield _no_key
    elif sys.platform == "win32":
        yield _windows_key
    else:
        import termios
        import tty

        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        try:
            yield _unix_key
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _no_key(timeout_s: float) -> str:
    SYSTEM_CLOCK.sleep(timeout_s)
    return ""


def _unix_key(timeout_s: float) -> str:
    import os
    import select

    ready, _, _ = select.select([sys.stdin], [], [], timeout_s)
    return os.read(sys.stdin.fileno(), 1).decode("latin-1") if ready else ""


def _windows_key(timeout_s: float) -> str:
    import msvcrt  # of Windows alone

    SYSTEM_CLOCK.sleep(timeout_s)
    return str(msvcrt.getwch()) if msvcrt.kbhit() else ""  # type: ignore[attr-defined, unused-ignore]
