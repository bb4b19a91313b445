"""Starts the rig's reaper, tells it of each child, and replaces it if it should die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from parfocal.processes import reaper
from parfocal.processes.identity import Identity
from parfocal.processes.system import LINUX

_ENDS_WITHIN_S = 0.3


class Sidecar:
    """Starts the reaper and keeps it informed. Thread-safe.

    Parameters
    ----------
    folders : sequence of Path
        What it removes if this process dies.
    locks : Path
        Where it sweeps locks that nobody holds.
    """

    def __init__(self, folders: Sequence[Path], locks: Path) -> None:
        self._first = {"folders": [str(folder) for folder in folders], "locks": str(locks)}
        self._children: dict[int, Identity] = {}
        self._lock = threading.Lock()
        self._popen = self._start()

    @property
    def pid(self) -> int:
        """The reaper's process."""
        return self._popen.pid

    def add(self, child: Identity) -> None:
        """Have it end this child, if this process dies and the child does not end by itself."""
        with self._lock:
            self._children[child.pid] = child
            self._send({"add": child})

    def drop(self, pid: int) -> None:
        """Tell that a child has ended."""
        with self._lock:
            self._children.pop(pid, None)
            self._send({"drop": pid})

    def revive(self) -> bool:
        """Start another reaper if somebody ended this one; return whether that was so."""
        with self._lock:
            if self._popen.poll() is None:
                return False
            self._discard()
            self._popen = self._start()
            for child in self._children.values():
                self._send({"add": child})
            return True

    def close(self) -> None:
        """Let it end without doing anything."""
        with self._lock:
            self._send({"done": True})
            self._discard()

    def _start(self) -> subprocess.Popen[bytes]:
        quick = ["-S", "-E"] if LINUX else []  # elsewhere it needs psutil
        self._popen = subprocess.Popen(
            [sys.executable, *quick, reaper.__file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._send(self._first)
        return self._popen

    def _send(self, message: object) -> None:
        assert self._popen.stdin is not None
        with suppress(OSError):
            self._popen.stdin.write(json.dumps(message).encode() + b"\n")
            self._popen.stdin.flush()

    def _discard(self) -> None:
        assert self._popen.stdin is not None
        with suppress(OSError):
            self._popen.stdin.close()
        try:
            self._popen.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:  # somebody stopped it
            self._popen.kill()
            self._popen.wait()
