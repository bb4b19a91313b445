"""What a process and its supervisor tell each other over the child's stdin and stdout: one JSON line each.

The pipe is there before any socket and works until the last moment: a cause of failure, or the last log
record, depends on nothing else. At its end each side knows that the other is gone.
"""

from __future__ import annotations

import json
import threading
import time
from queue import SimpleQueue
from typing import Any, BinaryIO

import msgspec

from parfocal.processes.spec import ServiceSpec


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """First line to a child: who it is, and where to import from."""

    rig: str
    spec: ServiceSpec
    folder: str
    streams: str
    search_path: list[str]
    verbose: bool = False


class Open(msgspec.Struct, frozen=True, tag=True):
    """What it depends on is ready: open."""


class MakeSafe(msgspec.Struct, frozen=True, tag=True):
    """Bring outputs to safe values now; the end follows."""


class End(msgspec.Struct, frozen=True, tag=True):
    """Make safe, drain, close, end."""


class AbandonLoop(msgspec.Struct, frozen=True, tag=True):
    """The loop hangs: make safe beside it, and end."""


class Verbose(msgspec.Struct, frozen=True, tag=True):
    """Switch verbose logging."""

    on: bool


class HandShake(msgspec.Struct, frozen=True, tag=True):
    """The service is open and answers commands."""


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something raised. A fatal one ends the service."""

    error: str
    traceback: str
    fatal: bool


class Ending(msgspec.Struct, frozen=True, tag=True):
    """It was asked to stop, and ends in order."""

    reason: str


class LogRecord(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A record of the child's logging."""

    name: str
    level: int
    message: str
    utc_ns: int


class NewSettings(msgspec.Struct, frozen=True, tag=True):
    """The settings were changed; a restart shall begin with them."""

    values: dict[str, Any]


Control = Begin | Open | MakeSafe | End | AbandonLoop | Verbose
Report = HandShake | Failure | Ending | LogRecord | NewSettings


def to_line(message: Control | Report) -> bytes:
    r"""Return a message as a line; infinities and NaN are themselves, as Python's own JSON has them.

    Examples
    --------
    >>> to_line(Verbose(True)).decode().strip()
    '{"type": "Verbose", "on": true}'
    >>> read_report(to_line(NewSettings({"limit": float("inf")}))).values
    {'limit': inf}
    >>> read_report(to_line(Ending("cannot read \udcff.tif"))).reason
    'cannot read ?.tif'
    """
    plain = msgspec.to_builtins(message, enc_hook=str)
    return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def read_control(line: bytes) -> Control:
    """Return what the supervisor says in `line`."""
    control: Control = msgspec.convert(json.loads(line), Control)
    return control


def read_report(line: bytes) -> Report:
    """Return what a child says in `line`."""
    report: Report = msgspec.convert(json.loads(line), Report)
    return report


class Reporter:
    """The child's voice: a bounded queue and a thread that writes, so that nobody waits for the parent."""

    def __init__(self, out: BinaryIO, capacity: int = 1000) -> None:
        self._out = out
        self._capacity = capacity
        self._queue: SimpleQueue[Report | None] = SimpleQueue()
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="reporter", daemon=True)
        self._thread.start()

    def tell(self, report: Report) -> None:
        """Queue a report. If the parent reads nothing, log records are dropped and counted once full."""
        if isinstance(report, LogRecord) and self._queue.qsize() >= self._capacity:
            self._lost += 1
        else:
            self._queue.put(report)

    def close(self, timeout_s: float = 0.3) -> None:
        """Write what is queued, but wait no longer than `timeout_s` for it."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _write(self) -> None:
        try:
            while (report := self._queue.get()) is not None:
                self._out.write(to_line(report))
                if self._lost:
                    lost, self._lost = self._lost, 0
                    self._out.write(to_line(_lost_records(lost)))
                self._out.flush()
        except OSError:
            pass  # the parent is gone; whoever listens to stdin sees that too


def _lost_records(count: int) -> LogRecord:
    message = f"{count} log records were dropped because the rig's process did not take them"
    return LogRecord(name="parfocal.logs", level=30, message=message, utc_ns=time.time_ns())
