"""The process of a standalone service: ``python -m parfocal.processes.standalone_process``.

::

    stdin    StandaloneStart, one line
    stderr   <name>.log, with what it logs

Its main thread opens the service and runs its loop. One thread watches what may end it: its owner, idleness.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.processes import directory
from parfocal.processes.child import (
    ABANDONED,
    CRASHED,
    TERMINATED,
    end_process,
    make_safe_beside,
    prepare_process,
)
from parfocal.processes.child_pipe import Begin, Failure, HandShake, LogRecord, Report
from parfocal.processes.directory import read_record, write_record
from parfocal.processes.folders import RigFolders
from parfocal.processes.host import Host
from parfocal.processes.identity import Identity, this_process
from parfocal.processes.logs import LONGEST_LOG, limit_log, log_to
from parfocal.processes.permissions import take_permitted
from parfocal.processes.sidecar import Sidecar
from parfocal.processes.standalone import StandaloneRecord, StandaloneStart, record_path, rig_of

if TYPE_CHECKING:
    from parfocal.core.status import ProcessState

_LOOKS_EVERY_S = 0.25
_SAFE_WITHIN_S = 0.3
_ENDS_WITHIN_S = 3.0
_TURNED_AWAY = 75


class RecordKeeper:
    """Takes what a service reports: its state goes to its record, what it logs to stderr, its log."""

    def __init__(self, record: StandaloneRecord, path: Path) -> None:
        self._record = record
        self._path = path
        self._handler = logging.StreamHandler(sys.stderr)
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))

    def send(self, report: Report) -> None:
        """Keep a report. Any thread."""
        match report:
            case HandShake():
                self._change("ready")
            case Failure(error=error, traceback=traceback, fatal=fatal):
                self._log(logging.ERROR, traceback or error)
                if fatal:
                    self._change("crashed", error)
            case LogRecord(level=level, message=message):
                self._log(level, message)

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 (a protocol's)
        """Return True: each report is kept before `send` returns."""
        return True

    def _change(self, state: ProcessState, error: str = "") -> None:
        self._record = msgspec.structs.replace(self._record, state=state, error=error)
        write_record(self._path, self._record)

    def _log(self, level: int, message: str) -> None:
        name = self._record.service
        self._handler.handle(logging.LogRecord(name, level, "", 0, "%s", (message,), None))


def main() -> None:
    """Run the service that stdin names, and end this process."""
    start = msgspec.json.decode(sys.stdin.buffer.readline(), type=StandaloneStart)
    name, path = start.spec.name, record_path(start.spec.name)
    record = read_record(path, StandaloneRecord)
    if record is None or (record.token, record.process) != (start.token, this_process()):
        raise SystemExit(_TURNED_AWAY)  # somebody else was started meanwhile
    folders = RigFolders.claim(rig_of(name), 5.0, keep=(path.name, f"{name}.log"))
    sidecar = Sidecar([folders.runtime, folders.streams], directory.locks_folder())  # if it is killed
    take_permitted(start.spec)  # after the process that clears up has been started
    keeper = RecordKeeper(record, path)
    log_to(keeper.send, verbose=False)
    begin = Begin(
        rig=rig_of(name),
        spec=start.spec,
        folder=str(folders.runtime),
        streams=str(folders.streams),
        search_path=start.search_path,
        standalone=True,
    )
    host = Host(begin, keeper, hello={"token": start.token})
    host.may_open.set()
    prepare_process(begin, host)
    owner = None if start.owner is None else Identity(*start.owner)
    watch = threading.Thread(target=_watch, args=(host, folders, owner, start.idle_after_s), name="watch")
    watch.daemon = True
    watch.start()
    well = host.run()
    if well or host.terminated:  # of one that failed the record stays, and says why
        folders.release()
    sidecar.close()
    end_process(host, TERMINATED if host.terminated else 0 if well else CRASHED)


def _watch(host: Host, folders: RigFolders, owner: Identity | None, idle_after_s: float) -> None:
    """End the service with its owner, or when nobody has called it for so long; its process in any case."""
    reason = _wait_for_reason(host, owner, idle_after_s)
    host.end(reason)
    if not host.is_safe.wait(_SAFE_WITHIN_S):  # the main thread can't: make safe beside it
        make_safe_beside(host, _SAFE_WITHIN_S)
    if not host.is_over.wait(_ENDS_WITHIN_S):
        folders.release()
        os._exit(ABANDONED)


def _wait_for_reason(host: Host, owner: Identity | None, idle_after_s: float) -> str:
    """Block until the service is to end; return why."""
    log = directory.runtime_folder(host.rig) / f"{host.name}.log"
    calls, used_ns = -1, SYSTEM_CLOCK.monotonic_ns()
    while True:
        SYSTEM_CLOCK.sleep(_LOOKS_EVERY_S)
        limit_log(log, LONGEST_LOG)
        if owner is not None and not owner.alive:
            return f"its owner, process {owner.pid}, has ended"
        now_ns, before, calls = SYSTEM_CLOCK.monotonic_ns(), calls, host.calls
        used = calls != before or host.is_called or host.traffic() is None  # nobody can call before
        used_ns = now_ns if used else used_ns
        if now_ns - used_ns > idle_after_s * 1e9:
            return f"nobody has called it for {idle_after_s:g} s"


if __name__ == "__main__":
    main()
