"""Other windows of parfocal that are opened from the desktop: programs of their own, which outlive it."""

from __future__ import annotations

import subprocess
import sys

from parfocal.processes.system import run_on


def open_program(*arguments: str) -> None:
    """Start ``parfocal ARGUMENTS`` as a program of its own. Never waits."""
    child = subprocess.Popen(
        [sys.executable, "-m", "parfocal", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    run_on(child)
