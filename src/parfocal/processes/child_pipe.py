"""Messages between a child and its supervisor over the child's stdin and stdout: one JSON line each.

The pipe is there before any socket and works until the last moment: a cause of failure, or the last log
record, depends on nothing else. At its end each side knows that the other is gone.
"""

from __future__ import annotations

import json
import threading
from queue import SimpleQueue
from typing import IO, Any, Protocol

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.processes.spec import ServiceSpec


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """First line to a child: who it is, and where to import from."""

    rig: str
    spec: ServiceSpec
    folder: str
    streams: str
    search_path: list[str]
    verbose: bool = False
    standalone: bool = False


class Open(msgspec.Struct, frozen=True, tag=True):
    """What it depends on is ready: open."""


class MakeSafe(msgspec.Struct, frozen=True, tag=True):
    """Bring outputs to safe values now: service `lost` is lost; with a reason, the end of the rig follows."""

    reason: str = ""
    lost: str = ""


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
    """Something raised, of class `kind`, "" if it was no exception. A fatal one ends the service."""

    error: str
    traceback: str
    fatal: bool
    kind: str = ""


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
    """The settings were changed; a restart shall begin with them. `live` are those that were, by path."""

    values: dict[str, Any]
    live: dict[str, Any] = {}


Order = Begin | Open | MakeSafe | End | AbandonLoop | Verbose
Report = HandShake | Failure | Ending | LogRecord | NewSettings


def to_line(message: Order | Report) -> bytes:
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


def read_order(line: bytes) -> Order:
    """Return what the supervisor says in `line`."""
    order: Order = msgspec.convert(json.loads(line), Order)
    return order


def read_report(line: bytes) -> Report:
    """Return what a child says in `line`."""
    report: Report = msgspec.convert(json.loads(line), Report)
    return report


class Reports(Protocol):
    """Where a service's process sends what it has to say: a `Reporter`, or the record of a standalone one."""

    def send(self, report: Report) -> None:
        """Take a report; never blocks. Any thread."""
        ...

    def flush(self, timeout_s: float) -> bool:
        """Block until what was sent is written; return False if it was not after `timeout_s`."""
        ...


class LineWriter:
    """Writes lines to a pipe in a thread of its own, so that nobody waits for a process that does not read.

    Parameters
    ----------
    out : binary file
        Where lines go; flushed after each. It stays open.
    name : str
        Of the thread.
    """

    def __init__(self, out: IO[bytes], name: str) -> None:
        self._out = out
        self._lines: SimpleQueue[bytes | threading.Event | None] = SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._write, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """What has been put and not yet been written."""
        return self._waiting

    def put(self, line: bytes) -> None:
        """Have `line` written after all others; returns at once. Lost if the reader is gone."""
        with self._lock:
            self._waiting += len(line)
        self._lines.put(line)

    def flush(self, timeout_s: float) -> bool:
        """Block until all lines put so far are written; return False if they were not after `timeout_s`."""
        written = threading.Event()
        self._lines.put(written)
        return written.wait(timeout_s)

    def close(self, timeout_s: float | None) -> bool:
        """End the thread after the last line; return False if it has not ended after `timeout_s`."""
        self._lines.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _write(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                if isinstance(line, threading.Event):
                    line.set()
                    continue
                self._out.write(line)
                self._out.flush()
                with self._lock:
                    self._waiting -= len(line)
        except (OSError, ValueError):
            pass  # the reader is gone, or the pipe was closed; whoever waits for its end sees that too


class Reporter:
    """How a child reports. While the rig's process takes nothing, log records are dropped and counted.

    Parameters
    ----------
    out : binary file
        The pipe to the rig's process.
    limit_bytes : int
        Log records are dropped while more than this waits to be written.
    """

    def __init__(self, out: IO[bytes], limit_bytes: int = 2**20) -> None:
        self._writer = LineWriter(out, "reporter")
        self._limit_bytes = limit_bytes
        self._lost = 0

    def send(self, report: Report) -> None:
        """Queue a report; never blocks. Any thread."""
        if isinstance(report, LogRecord) and self._writer.waiting_bytes > self._limit_bytes:
            self._lost += 1
            return
        self._report_loss()
        self._writer.put(to_line(report))

    def flush(self, timeout_s: float) -> bool:
        """Block until what was sent is written; return False if it was not after `timeout_s`."""
        return self._writer.flush(timeout_s)

    def close(self, timeout_s: float = 0.3) -> None:
        """Write what is queued, but wait no longer than `timeout_s` for it."""
        self._report_loss()
        self._writer.close(timeout_s)

    def _report_loss(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._writer.put(to_line(_lost_records(lost)))


def _lost_records(count: int) -> LogRecord:
    message = f"{count} log records were dropped because the rig's process did not take them"
    return LogRecord(name="parfocal.logs", level=30, message=message, utc_ns=SYSTEM_CLOCK.utc_ns())
