"""The engine's end of a script's process: started, told, listened to, ended with all that it has started."""

from __future__ import annotations

import signal
import subprocess
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from parfocal.ipc.message_pipe import MessageReader, MessageWriter, PipeClosedError
from parfocal.processes.session import start_module
from parfocal.processes.system import end_group
from parfocal.runs.scripts.messages import FromScript, ScriptSetup, ToScript

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDS_WITHIN_S = 5.0


class ScriptProcess:
    """The process of one script. Any thread may `send` and `kill`; one calls the rest.

    It ends when its pipe is closed, so that it never outlives the engine.

    Parameters
    ----------
    module : str
        What runs in it: a module that serves a script, as `parfocal.rig.script_main` does.
    setup : ScriptSetup
        What it is told first.
    """

    def __init__(self, module: str, setup: ScriptSetup) -> None:
        self._module, self._setup = module, setup
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: MessageWriter | None = None
        self._early: list[ToScript] = []
        self.killed = False

    def start(self, log: IO[bytes]) -> None:
        """Start it; what it and all that it starts print goes into `log`."""
        process = start_module(self._module, stdout=subprocess.PIPE, stderr=log)
        assert process.stdin is not None
        assert process.stdout is not None
        self._reader: MessageReader[FromScript] = MessageReader(process.stdout, FromScript)
        with self._lock, suppress(PipeClosedError):
            self._process, self._writer = process, MessageWriter(process.stdin)
            for message in (self._setup, *self._early):
                self._writer.send(message)
        if self.killed:
            process.kill()

    def send(self, message: ToScript) -> None:
        """Tell it something, once it is started; one that is gone is told nothing."""
        with self._lock, suppress(PipeClosedError):
            if self._writer is not None:
                self._writer.send(message)
            elif self._process is None:
                self._early.append(message)

    def messages(self) -> Iterator[FromScript]:
        """Yield what it tells, until it is gone or has closed its pipe."""
        with suppress(PipeClosedError):
            while True:
                yield self._reader.receive()

    def kill(self) -> None:
        """Kill it now, if it runs."""
        self.killed = True
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def end(self) -> str:
        """Wait until it has ended, kill what is left of it and of what it started; return how it ended."""
        with self._lock:
            process, self._writer = self._process, None
        if process is None:
            return "was not started"
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_group(process.pid)
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # what was not written yet has no reader any more
                pipe.close()  # type: ignore[union-attr]
        return exit_text(process.returncode)


def exit_text(code: int) -> str:
    """Return how a process has ended, in words.

    Examples
    --------
    >>> exit_text(-9), exit_text(1)
    ('was killed by SIGKILL', 'ended with exit code 1')
    """
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
