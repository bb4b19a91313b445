"""One log for a rig: the records of all children arrive at the parent, with name and level.

::

    child: logging ──> ReportHandler ──stdout pipe──> parent: LogBook ──> rig.log, and the parent's logging
           stdout, stderr, crashes ─────────────────> <service>.log
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from queue import Full, Queue

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.processes.link import LogRecord

HEALTH_EVERY_S = 60.0
_LONGEST_LOG = 8 * 2**20  # bytes; there is one older file beside it, and both lie in memory on most systems
_RECORDS = 1000
_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s"
_DATE_FORMAT = "%Y-%m-%d %H:%M:%S"


class ReportHandler(logging.Handler):
    """Hands the records of a child's logging to `tell`."""

    def __init__(self, tell: Callable[[LogRecord], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the parent; a traceback becomes part of the message."""
        message = logging.Formatter().format(record)
        self._tell(
            LogRecord(
                name=record.name, level=record.levelno, message=message, utc_ns=int(record.created * 1e9)
            )
        )


def log_to(tell: Callable[[LogRecord], None], verbose: bool) -> None:
    """Send all logging of this process, Python's warnings included, to `tell`."""
    logging.getLogger().handlers = [ReportHandler(tell)]
    logging.captureWarnings(True)
    set_verbose(verbose)


def set_verbose(on: bool) -> None:
    """Let records of level DEBUG through, or only those from INFO on."""
    logging.getLogger().setLevel(logging.DEBUG if on else logging.INFO)


class LogBook:
    """The parent's side: brings the records of all services into one file and into the parent's logging.

    There they come from loggers named ``parfocal.RIG.SERVICE``. A thread does it: a terminal that takes
    nothing, or a slow handler, holds up the services that log and nobody else.
    """

    def __init__(self, rig: str, path: Path) -> None:
        self._rig = rig
        self._file = RotatingFileHandler(
            path, maxBytes=_LONGEST_LOG, backupCount=1, encoding="utf-8", delay=True
        )
        self._file.setFormatter(logging.Formatter(_FORMAT, _DATE_FORMAT))
        self._queue: Queue[logging.LogRecord | None] = Queue(_RECORDS)
        self._thread = threading.Thread(target=self._keep, name="log", daemon=True)
        self._thread.start()

    def write(self, service: str, record: LogRecord) -> None:
        """Keep one record of `service`. Blocks while others are not taken: only who logs waits for that."""
        self._queue.put(self._made(service, record))

    def say(self, service: str, level: int, message: str) -> None:
        """Keep a record of the supervisor's own about `service`, if there is room for it. Never blocks."""
        record = LogRecord(name=service, level=level, message=message, utc_ns=time.time_ns())
        with suppress(Full):
            self._queue.put_nowait(self._made(service, record))

    def close(self, timeout_s: float = 0.5) -> None:
        """Bring what is there to its places, but wait no longer than `timeout_s` for it."""
        with suppress(Full):
            self._queue.put(None, timeout=timeout_s)
            self._thread.join(timeout_s)

    def _made(self, service: str, record: LogRecord) -> logging.LogRecord:
        suffix = "" if record.name == service else f".{record.name}"
        name = f"parfocal.{self._rig}.{service}{suffix}"
        made = logging.getLogger(name).makeRecord(
            name, record.level, "", 0, "%s", (record.message,), None, extra={"service": service}
        )
        made.created = record.utc_ns / 1e9
        made.msecs = float(record.utc_ns // 1_000_000 % 1000)
        return made

    def _keep(self) -> None:
        while (record := self._queue.get()) is not None:
            self._file.handle(record)
            logger = logging.getLogger(record.name)
            if logger.isEnabledFor(record.levelno):
                logger.handle(record)
        self._file.close()


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
                threading.Thread(target=self._tell, args=(self._off,), name="health", daemon=True).start()
            elif not on and self._off is not None:
                self._off.set()
                self._off = None

    def _tell(self, off: threading.Event) -> None:
        while not self._clock.wait(off, HEALTH_EVERY_S):
            try:
                line = self._describe()
            except Exception:  # noqa: BLE001 (border of a callback: logged, and the lines go on)
                self._log.exception("health_line() raised")
                continue
            if line:
                self._log.info("%s", line)
