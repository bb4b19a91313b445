"""The main program of a child process: ``python -m parfocal.processes.child`` runs one service.

::

    stdin   Begin, Open, MakeSafe, End, AbandonLoop, Verbose; its end: the rig's process is gone
    stdout  HandShake, Failure, Ending, LogRecord, NewSettings
    stderr  <service>.log

The main thread opens the service and runs its loop. A second thread listens to stdin; it makes safe and ends
the process itself when the main thread can't.
"""

from __future__ import annotations

import _thread
import faulthandler
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import BinaryIO, NoReturn

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.processes import child_pipe
from parfocal.processes.child_pipe import Reporter
from parfocal.processes.host import Host
from parfocal.processes.identity import give_title
from parfocal.processes.logs import log_to
from parfocal.processes.permissions import take_permitted
from parfocal.processes.service import HANGS, RIG_GONE
from parfocal.processes.system import dump_signal, lines_until_orphaned

ORPHAN_ENDS_WITHIN_S = 0.9
"""From the death of the rig's process to the end of this one, whatever the service does."""
HUNG_ENDS_WITHIN_S = 0.4
LAST_SAFE_WITHIN_S = 0.1
"""Of those times, what is left for making safe once more: a command may have gone on beside."""

CRASHED, ABANDONED, TERMINATED = 1, 70, 143


def main() -> None:
    """Run the service that stdin names, and end this process."""
    reports = _private_stdout()
    lines = lines_until_orphaned(sys.stdin.fileno(), os.getppid())
    first = next(lines, None)
    if first is None:
        return
    begin = child_pipe.read_order(first)
    if not isinstance(begin, child_pipe.Begin):
        raise SystemExit(f"the first line must be Begin, not {type(begin).__name__}")
    take_permitted(begin.spec)  # first: what is started from here on has it, too
    reporter = Reporter(reports)
    log_to(reporter.send, begin.verbose)
    host = Host(begin, reporter)
    prepare_process(begin, host)
    threading.Thread(target=_listen, args=(lines, host), name="listener", daemon=True).start()
    code = CRASHED if not host.run() else TERMINATED if host.terminated else 0
    reporter.close()
    end_process(host, code)


def end_process(host: Host, code: int) -> NoReturn:
    """End this process, although the service may have left threads or commands behind."""
    logging.shutdown()
    if host.left_behind:
        _make_safe_at_last(host)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _listen(lines: Iterator[bytes], host: Host) -> None:
    for line in lines:
        match child_pipe.read_order(line):
            case child_pipe.Open():
                host.may_open.set()
            case child_pipe.MakeSafe(reason, lost):
                host.stop_reason = reason or host.stop_reason
                host.make_safe()
                if lost:
                    host.end_leases(f"service {lost!r} is lost")
            case child_pipe.End():
                host.end("the rig asked")
            case child_pipe.Verbose(on):
                host.set_verbose(on)
            case child_pipe.AbandonLoop():
                faulthandler.dump_traceback(file=2)  # no other thread runs meanwhile
                _abandon(host, ABANDONED, HUNG_ENDS_WITHIN_S)
    _abandon(host, 0, ORPHAN_ENDS_WITHIN_S)


def _abandon(host: Host, code: int, within_s: float) -> None:
    """End this process within that time, safe first, whatever the main thread does."""
    end_ns = SYSTEM_CLOCK.monotonic_ns() + int(within_s * 1e9)
    host.end(RIG_GONE if code == 0 else HANGS)
    if not host.is_safe.wait(within_s / 3):  # the main thread can't: make safe beside it
        make_safe_beside(host, within_s / 3)
    left_s = (end_ns - SYSTEM_CLOCK.monotonic_ns()) / 1e9 - LAST_SAFE_WITHIN_S
    is_over = SYSTEM_CLOCK.wait(host.is_over, left_s)
    if not is_over or host.left_behind:
        make_safe_beside(host, LAST_SAFE_WITHIN_S)
    os._exit(code)


def make_safe_beside(host: Host, within_s: float) -> None:
    """Make safe in a thread of its own, and wait no longer than that for it."""
    thread = threading.Thread(target=host.make_safe, name="make-safe", daemon=True)
    thread.start()
    thread.join(within_s)


def _make_safe_at_last(host: Host) -> None:
    """Make safe once more; nobody reads reports any more, so an error goes to the service's own log."""
    try:
        host.service.make_safe()
    except Exception:  # noqa: BLE001 (border of a callback: told, the way out goes on)
        traceback.print_exc()


def prepare_process(begin: child_pipe.Begin, host: Host) -> None:
    """Make this process a good citizen: title, signals, crash reports, the rig's import path."""
    give_title(begin.rig, begin.spec.name)
    sys.path.extend(entry for entry in begin.search_path if entry not in sys.path)
    faulthandler.enable()
    dump = dump_signal()
    if dump is not None:
        faulthandler.register(dump)

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        del number, frame  # runs amid any line of the main thread, so it may take no lock there
        _thread.start_new_thread(host.terminate, ())

    signal.signal(signal.SIGTERM, on_sigterm)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the rig's to answer
    threading.excepthook = lambda args: host.note(args.exc_value) if args.exc_value else None


def _private_stdout() -> BinaryIO:
    """Keep stdout for reports, and send what the service prints to its log."""
    private = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(private, "wb")


if __name__ == "__main__":
    main()
