"""The supervisor's hold on one process: started, told things, heard, and its end seen at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from parfocal.processes import link
from parfocal.processes.link import Control, Report
from parfocal.processes.system import dump_signal, is_stopped, start_mark


class ChildProcess:
    """A running ``parfocal.processes.child``.

    Two threads wait for it: one reads its reports, one sees its end. A third process that inherited its
    stdout can thus not hide its death.

    Parameters
    ----------
    begin : Begin
        What it shall be.
    on_report : callable
        Called with each report, in a thread of this object, in order.
    on_exit : callable
        Called once with the exit code, after all reports that were written before it.
    """

    def __init__(
        self, begin: link.Begin, on_report: Callable[[Report], None], on_exit: Callable[[int], None]
    ) -> None:
        self._on_report = on_report
        self._on_exit = on_exit
        with (Path(begin.folder) / f"{begin.spec.name}.log").open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "parfocal.processes.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        self.mark = start_mark(self.pid)
        self._writing = threading.Lock()
        self.tell(begin)
        assert self._popen.stdout is not None
        self._reader = threading.Thread(
            target=self._read, args=(self._popen.stdout,), name=f"{begin.spec.name}:reports", daemon=True
        )
        self._reader.start()
        threading.Thread(target=self._wait, name=f"{begin.spec.name}:exit", daemon=True).start()

    def tell(self, message: Control) -> None:
        """Send a line; if it has ended by now, nothing happens."""
        assert self._popen.stdin is not None
        with self._writing, suppress(OSError, ValueError):
            self._popen.stdin.write(link.to_line(message))
            self._popen.stdin.flush()

    def terminate(self) -> None:
        """Ask the operating system to end it; a service ends in order then, if it can."""
        self._popen.terminate()

    def kill(self) -> None:
        """End it at once, stopped or not."""
        self._popen.kill()

    def is_stopped(self) -> bool:
        """Whether somebody stopped it, so that none of its threads runs."""
        return is_stopped(self.pid)

    def dump(self) -> None:
        """Have it write where its threads stand to its log, if it can. One that is busy may crash."""
        number = dump_signal()
        if number is not None:
            self._popen.send_signal(number)

    def _read(self, stdout: IO[bytes]) -> None:
        with stdout:
            for line in stdout:
                self._on_report(link.read_report(line))

    def _wait(self) -> None:
        code = self._popen.wait()
        self._reader.join(0.2)
        with self._writing, suppress(OSError):
            assert self._popen.stdin is not None
            self._popen.stdin.close()
        self._on_exit(code)


def search_path() -> list[str]:
    """Return where this process imports from, for its children."""
    return [os.path.abspath(entry) for entry in sys.path]
