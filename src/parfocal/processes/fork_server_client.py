"""The hold of a rig's process on one process that forks: asks it for forks, and ends it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from typing import IO

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.processes.forked_process import ForkedProcess
from parfocal.processes.identity import identity_of, is_stopped
from parfocal.processes.permissions import nothing_taken

READY = b"ready"
_MODULE = "parfocal.processes.fork_server_process"
_LONGEST_ANSWER = 4096
_FORKS_WITHIN_S = 2.0
_LOOKS_EVERY_S = 0.05
_LATE_WITHIN_S = 1.0


class ForkServerClient:
    """One process that forks. For one thread at a time.

    Attributes
    ----------
    identity : Identity
        Its process.
    refusal : str
        Why it cannot fork here, once it has said so.

    Raises
    ------
    OSError
        If the operating system does not start it.
    """

    def __init__(self, rig: str) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, ExitStack() as undo, nothing_taken():
            undo.enter_context(self._socket)
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE, rig, str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            undo.pop_all()
        self.identity = identity_of(self._popen.pid)
        self.refusal = ""
        self._is_ready = False

    @property
    def pid(self) -> int:
        """Its process."""
        return self._popen.pid

    def has_ended(self) -> bool:
        """Whether its process has ended."""
        return self._popen.poll() is not None

    def is_ready(self, within_s: float = 0.0) -> bool:
        """Wait until it can fork, but not for one that has ended or was stopped; return whether it can."""
        if not self._is_ready and not self.refusal:
            try:
                answer = self._answer(within_s).decode(errors="replace")
            except OSError:
                return False
            self._is_ready = answer == READY.decode()
            self.refusal = "" if self._is_ready else answer
        return self._is_ready

    def fork(self, module: str, stderr: IO[bytes]) -> ForkedProcess:
        """Return a fork that runs the `main` of `module`, with pipes for stdin and stdout.

        It has the environment and the folder that this process has now.

        Raises
        ------
        OSError
            If there is none within 2 s. Whatever comes of it later is ended by `close`.
        """
        with ExitStack() as undo, ExitStack() as given:
            stdin_read, stdin_write = os.pipe()
            given.callback(os.close, stdin_read)
            stdin = undo.enter_context(open(stdin_write, "wb"))
            stdout_read, stdout_write = os.pipe()
            given.callback(os.close, stdout_write)
            stdout = undo.enter_context(open(stdout_read, "rb"))
            folder = os.open(".", os.O_PATH | os.O_DIRECTORY)
            given.callback(os.close, folder)
            request = _file_with({"module": module, "environment": dict(os.environ)})
            given.callback(os.close, request)
            descriptors = [stdin_read, stdout_write, stderr.fileno(), folder, request]
            socket.send_fds(self._socket, [b"fork"], descriptors, socket.MSG_DONTWAIT)
            process = _opened(self._answer(_FORKS_WITHIN_S), stdin, stdout)
            undo.pop_all()
            return process

    def close(self) -> None:
        """End it at once, and every fork that nobody has been told of."""
        self._popen.kill()
        self._popen.wait()
        with self._socket, suppress(OSError, ValueError):
            while True:  # a fork that was just made tells its process, then closes its end
                _end(int(self._answer(_LATE_WITHIN_S)))

    def _answer(self, within_s: float) -> bytes:
        """Return what it, or a fork, tells.

        Raises
        ------
        OSError
            If there is nothing within that time, or it has ended or was stopped.
        """
        end_ns = SYSTEM_CLOCK.monotonic_ns() + int(within_s * 1e9)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while not poll.poll(int(min(within_s, _LOOKS_EVERY_S) * 1000)):
            if is_stopped(self.pid):
                raise TimeoutError("somebody stopped it")
            if SYSTEM_CLOCK.monotonic_ns() >= end_ns:
                raise TimeoutError(f"it did not answer within {within_s:g} s")
        answer = self._socket.recv(_LONGEST_ANSWER)
        if not answer:
            raise ConnectionResetError("somebody ended it")
        return answer


def _opened(answer: bytes, stdin: IO[bytes], stdout: IO[bytes]) -> ForkedProcess:
    """Return the fork that an answer tells of; raise OSError if it tells why there is none."""
    if not answer.isdigit():
        raise OSError(f"it could not fork: {answer.decode(errors='replace')}")
    pid = int(answer)
    try:
        return ForkedProcess(pid, stdin, stdout)
    except OSError:
        _end(pid)
        raise


def _file_with(content: dict[str, object]) -> int:
    """Return a descriptor of a file in memory, to be read from its beginning."""
    descriptor = os.memfd_create("request")
    with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
        json.dump(content, file)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _end(pid: int) -> None:
    """End a child of this process, and collect it."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
