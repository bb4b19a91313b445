"""What a worker of a cluster does with a movie: it has a process of its own track it."""

from __future__ import annotations

import threading

import msgspec

from parfocal.rig.offline.movie_process import MovieProcess
from parfocal.rig.offline.movies import MovieResult
from parfocal.rig.offline.shared_folder import FileFacts, SharedFolder, check_folder_is

_LOCK = threading.Lock()
_RUNNING: dict[MovieProcess, str] = {}
"""By what they are tracked, with the token of who asked."""
_ENDED: set[str] = set()


def track_one(plan: bytes, movie: str, facts: FileFacts | None, shared: SharedFolder) -> MovieResult:
    """Track a movie; return what became of it.

    Raises
    ------
    BadInputError
        If this worker sees another movie, or another folder.
    """
    files = () if facts is None else (facts,)
    check_folder_is(msgspec.structs.replace(shared, files=files))
    process = MovieProcess(plan, movie)
    with _LOCK:
        _RUNNING[process] = shared.token
        if shared.token in _ENDED:
            process.cancel()
    try:
        return process.run()
    finally:
        with _LOCK:
            del _RUNNING[process]


def end_movies(token: str) -> None:
    """Cancel the runs of those who had this token, now and later. Idempotent."""
    with _LOCK:
        _ENDED.add(token)
        running = [process for process, whose in _RUNNING.items() if whose == token]
    for process in running:
        process.cancel()
