"""A process that tracks one movie of many, as whoever has started it sees it."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO

import msgspec

from parfocal.ipc.message_pipe import MessageReader, MessageWriter, PipeClosedError
from parfocal.processes.session import start_module
from parfocal.rig.offline.movie_child import (
    MODULE,
    MovieFailed,
    MovieProgress,
    MovieToTrack,
    MovieTracked,
    Told,
    encode_plan,
)
from parfocal.rig.offline.movies import MovieResult, result_of
from parfocal.rig.track_plan import TrackPlan

_TRIES = 2
_LAST_BYTES = 2000


class MovieProcess:
    """Tracks one movie in a process of its own. One thread, but for `cancel`.

    Parameters
    ----------
    plan : bytes
        Of `encode_plan`.
    movie : str
        What it is called in the result.
    """

    def __init__(self, plan: bytes, movie: str) -> None:
        self._plan, self._movie = plan, movie
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def run(self, report: Callable[[float], None] = lambda _: None) -> MovieResult:
        """Return what became of it; `report` is told which part is done. If it is killed it begins again."""
        for number in range(1, _TRIES + 1):
            with tempfile.TemporaryFile() as stderr:
                told, code = self._once(report, stderr)
                if isinstance(told, MovieTracked):
                    return result_of(self._movie, told.summary, number)
                if told is not None:
                    outcome = "cancelled" if self._cancelled else "failed"
                    return MovieResult(movie=self._movie, outcome=outcome, reason=told.told, tries=number)
                if self._cancelled:
                    break
                reason = f"its process ended with exit code {code}{_last_line(stderr)}"
        else:
            return MovieResult(movie=self._movie, outcome="failed", reason=reason, tries=_TRIES)
        return MovieResult(movie=self._movie, outcome="cancelled", reason="before it had a record")

    def cancel(self) -> None:
        """Cancel its run, whose record is closed; return at once. Any thread."""
        with self._lock:
            self._cancelled = True
            if self._process is not None and self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()

    def _once(
        self, report: Callable[[float], None], stderr: IO[bytes]
    ) -> tuple[MovieTracked | MovieFailed | None, int]:
        with self._lock:
            if self._cancelled:
                return None, 0
            process = self._process = start_module(MODULE, stdout=subprocess.PIPE, stderr=stderr)
            assert process.stdin is not None
            with suppress(PipeClosedError):  # it has ended already: its answers end, too
                MessageWriter(process.stdin).send(MovieToTrack(plan=self._plan))
        assert process.stdout is not None
        last: MovieTracked | MovieFailed | None = None
        answers: MessageReader[Told] = MessageReader(process.stdout, Told)
        with process.stdout, suppress(PipeClosedError):
            while True:
                told = answers.receive()
                if isinstance(told, MovieProgress):
                    report(told.progress.fraction if told.progress.phase == "measuring" else 0.0)
                else:
                    last = told
        code = process.wait()
        with self._lock, suppress(OSError):  # what it has not read has no reader any more
            process.stdin.close()
        return last, code


def encoded(plan: TrackPlan) -> bytes:
    """Return a plan for another process: its paths are absolute, and its movie is tracked by one process."""
    absolute = {
        name: value.absolute()
        for name in ("movie", "rois", "zlut", "out")
        if (value := getattr(plan, name)) is not None
    }
    return encode_plan(msgspec.structs.replace(plan, **absolute, workers=1))


def _last_line(stderr: IO[bytes]) -> str:
    stderr.seek(0, 2)
    stderr.seek(max(0, stderr.tell() - _LAST_BYTES))
    lines = stderr.read().decode(errors="replace").strip().splitlines()
    return f": {lines[-1]}" if lines else ""
