"""Waiting for what happens in other threads and processes, while Qt goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QApplication

WAIT_S = 60.0
LONG_MS = int(WAIT_S * 1e3)


def until(condition: Callable[[], Any]) -> None:
    """Let Qt work until something is true."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        QApplication.processEvents()
        time.sleep(0.001)
