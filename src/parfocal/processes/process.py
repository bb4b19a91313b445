"""One child process for the supervisor: starts it, sends orders, reads reports, and sees its end at once."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from parfocal.processes import child_pipe
from parfocal.processes.child_pipe import LineWriter, Order, Report
from parfocal.processes.fork_server import ForkServer
from parfocal.processes.identity import identity_of, is_stopped, processor_s, wants_processor
from parfocal.processes.system import dump_signal, end_group, wait_for_end

_CLOSES_WITHIN_S = 0.1
_READ_WITHIN_S = 0.7
"""How long the last reports of a process that has ended may take to be read: its end is told within 1 s."""


class ChildProcess:
    """A running ``parfocal.processes.child``, in a session of its own.

    Three threads serve it: one writes orders, so that a child that reads none holds up nobody; one reads its
    reports; one sees its end, which a third process that inherited its stdout can thus not hide. What it
    started itself ends with it.

    Parameters
    ----------
    begin : Begin
        What it shall be.
    fork_server : ForkServer
        Starts it.
    on_report : callable
        Called with each report, in a thread of this object, in order.
    on_exit : callable
        Called once with the exit code, after all reports that were written before it.
    """

    def __init__(
        self,
        begin: child_pipe.Begin,
        fork_server: ForkServer,
        on_report: Callable[[Report], None],
        on_exit: Callable[[int], None],
    ) -> None:
        self._on_report = on_report
        self._on_exit = on_exit
        name = begin.spec.name
        with (Path(begin.folder) / f"{name}.log").open("ab") as log:
            self._process = fork_server.start("parfocal.processes.child", log)
        self.identity = identity_of(self._process.pid)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders = LineWriter(self._process.stdin, f"{name}:orders")
        self.send(begin)
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name=f"{name}:reports", daemon=True
        )
        self._reader.start()
        threading.Thread(target=self._wait, name=f"{name}:exit", daemon=True).start()

    def send(self, order: Order) -> None:
        """Have an order written to it; returns at once. If it has ended by now, nothing happens."""
        self._orders.put(child_pipe.to_line(order))

    def terminate(self) -> None:
        """Ask the operating system to end it; a service ends in order then, if it can."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once, stopped or not."""
        self._process.kill()

    def is_stopped(self) -> bool:
        """Whether somebody stopped it, so that none of its threads runs."""
        return is_stopped(self.identity.pid)

    def wants_processor(self) -> bool:
        """Whether it runs, or waits for nothing but a processor."""
        return wants_processor(self.identity.pid)

    def processor_s(self) -> float:
        """Return how much processor time it has used."""
        return processor_s(self.identity.pid)

    def dump(self) -> None:
        """Have it write where its threads stand to its log, if it can. One that is busy may crash."""
        number = dump_signal()
        if number is not None:
            self._process.send_signal(number)

    def _read(self, stdout: IO[bytes]) -> None:
        with stdout:
            for line in stdout:
                self._on_report(child_pipe.read_report(line))

    def _wait(self) -> None:
        wait_for_end(self._process.pid)
        end_group(self._process.pid)  # its number is still its own: nobody has collected it
        code = self._process.wait()
        self._reader.join(_READ_WITHIN_S)
        is_closed = self._close_orders(_CLOSES_WITHIN_S)
        self._on_exit(code)
        if not is_closed:  # their thread was held up, or some process holds the other end, and reads nothing
            self._close_orders(None)

    def _close_orders(self, timeout_s: float | None) -> bool:
        if not self._orders.close(timeout_s):
            return False
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        return True


def search_path() -> list[str]:
    """Return where this process imports from, for its children."""
    return [os.path.abspath(entry) for entry in sys.path]
