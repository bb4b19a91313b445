"""One log for a rig: the records of all children arrive at the parent, with name and level.

::

    child: logging ──> ReportHandler ──stdout pipe──> parent: LogBook ──> rig.log, and the parent's logging
           stdout, stderr, crashes ─────────────────> <service>.log
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from queue import Full, Queue

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.processes.child_pipe import LogRecord

HEALTH_EVERY_S = 60.0
LONGEST_LOG = 8 * 2**20
"""Bytes of a log; there is one older file beside it."""
_RECORDS = 1000
_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s"
_DATE_FORMAT = "%Y-%m-%d %H:%M:%S"


class ReportHandler(logging.Handler):
    """Hands the records of a child's logging to `send`."""

    def __init__(self, send: Callable[[LogRecord], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send it to the parent; a traceback becomes part of the message."""
        message = logging.Formatter().format(record)
        self._send(
            LogRecord(
                name=record.name, level=record.levelno, message=message, utc_ns=int(record.created * 1e9)
            )
        )


def log_to(send: Callable[[LogRecord], None], verbose: bool) -> None:
    """Send all logging of this process, Python's warnings included, through `send`."""
    logging.getLogger().handlers = [ReportHandler(send)]
    logging.captureWarnings(True)
    set_verbose(verbose)


def set_verbose(on: bool) -> None:
    """Let records of level DEBUG through, or only those from INFO on."""
    logging.getLogger().setLevel(logging.DEBUG if on else logging.INFO)


class LogBook:
    """The parent's side: brings the records of all services into one file and into the parent's logging.

    There they come from loggers named ``parfocal.RIG.SERVICE``. Each of the two has a thread of its own: a
    terminal that takes nothing, or a slow handler, keeps nothing from the file, and nobody waits for either.
    Records that one of them has not taken when a thousand wait for it are dropped there, and counted.
    """

    def __init__(self, rig: str, path: Path) -> None:
        self._rig = rig
        file = RotatingFileHandler(
            path, maxBytes=LONGEST_LOG, backupCount=1, encoding="utf-8", errors="replace", delay=True
        )
        file.setFormatter(logging.Formatter(_FORMAT, _DATE_FORMAT))
        self._outlets = (
            _Outlet("log file", self._made, file.handle, file.close),
            _Outlet("log", self._made, _handle_here),
        )

    def write(self, service: str, record: LogRecord) -> None:
        """Keep one record of `service`. Any thread; never blocks."""
        for outlet in self._outlets:
            outlet.put(self._made(service, record))

    def say(self, service: str, level: int, message: str) -> None:
        """Keep a record of the supervisor's own about `service`. Any thread; never blocks."""
        utc_ns = SYSTEM_CLOCK.utc_ns()
        self.write(service, LogRecord(name=service, level=level, message=message, utc_ns=utc_ns))

    def close(self, timeout_s: float = 0.5) -> None:
        """Bring what is there to its places, but wait no longer than `timeout_s` for each of them."""
        for outlet in self._outlets:
            outlet.close(timeout_s)

    def _made(self, service: str, record: LogRecord) -> logging.LogRecord:
        suffix = "" if record.name == service else f".{record.name}"
        name = f"parfocal.{self._rig}.{service}{suffix}"
        made = logging.getLogger(name).makeRecord(
            name, record.level, "", 0, "%s", (record.message,), None, extra={"service": service}
        )
        made.created = record.utc_ns / 1e9
        made.msecs = float(record.utc_ns // 1_000_000 % 1000)
        return made


class _Outlet:
    """Where records go, by a bounded queue and a thread."""

    def __init__(
        self,
        name: str,
        make: Callable[[str, LogRecord], logging.LogRecord],
        handle: Callable[[logging.LogRecord], object],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._make = make
        self._handle = handle
        self._close = close
        self._dropped = 0
        self._queue: Queue[logging.LogRecord | None] = Queue(_RECORDS)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, record: logging.LogRecord) -> None:
        try:
            self._queue.put_nowait(record)
        except Full:
            self._dropped += 1

    def close(self, timeout_s: float) -> None:
        with suppress(Full):
            self._queue.put(None, timeout=timeout_s)
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while (record := self._queue.get()) is not None:
            self._guarded(record)
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                message = f"{dropped} log records were dropped here, because it took them too slowly"
                utc_ns = SYSTEM_CLOCK.utc_ns()
                lost = LogRecord(name="rig", level=logging.WARNING, message=message, utc_ns=utc_ns)
                self._guarded(self._make("rig", lost))
        self._close()

    def _guarded(self, record: logging.LogRecord) -> None:
        try:
            self._handle(record)
        except Exception:  # noqa: BLE001 (border of a callback: a handler of the user's; the others go on)
            self._dropped += 1


def _handle_here(record: logging.LogRecord) -> None:
    """Hand a record to the logging of this process."""
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def limit_log(path: Path, longest: int) -> None:
    """Keep a log short that another process appends to: once too long, it is moved to ``<name>.1``.

    What is written between the copy and the cut is lost.
    """
    if path.stat().st_size > longest:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


class HealthLines:
    """Logs what `describe` returns once a minute while it is switched on."""

    def __init__(self, log: logging.Logger, describe: Callable[[], str], clock: Clock = SYSTEM_CLOCK) -> None:
        self._log = log
        self._describe = describe
        self._clock = clock
        self._off: threading.Event | None = None
        self._lock = threading.Lock()

    def switch(self, on: bool) -> None:
        """Begin or end; the first line comes after a minute."""
        with self._lock:
            if on and self._off is None:
                self._off = threading.Event()
                threading.Thread(
                    target=self._log_lines, args=(self._off,), name="health", daemon=True
                ).start()
            elif not on and self._off is not None:
                self._off.set()
                self._off = None

    def _log_lines(self, off: threading.Event) -> None:
        while not self._clock.wait(off, HEALTH_EVERY_S):
            try:
                line = self._describe()
            except Exception:  # noqa: BLE001 (border of a callback: logged, and the lines go on)
                self._log.exception("health_line() raised")
                continue
            if line:
                self._log.info("%s", line)
