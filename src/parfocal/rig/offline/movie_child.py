"""One movie of many, tracked in a process of its own: ``python -m parfocal.rig.offline.movie_child``.

It is told a plan through stdin, tells its progress and what it came to through stdout, and cancels its run
when stdin ends: so it never outlives whoever has started it, here or on another machine.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.ipc.message_pipe import MessageReader, MessageWriter
from parfocal.rig.job import JobProgress
from parfocal.rig.summary import Summary
from parfocal.rig.track_plan import TrackPlan

MODULE = "parfocal.rig.offline.movie_child"


class MovieToTrack(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the process is told: a plan, as `encode_plan` makes it."""

    plan: bytes


class MovieFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The movie was not tracked: what was raised, in words."""

    told: str


class MovieTracked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The movie was tracked, and this is what it came to."""

    summary: Summary


class MovieProgress(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How far it is."""

    progress: JobProgress


Told = MovieFailed | MovieTracked | MovieProgress


def encode_plan(plan: TrackPlan) -> bytes:
    """Return a plan for another process, perhaps elsewhere."""
    return msgspec.json.encode(plan, enc_hook=str)


def decode_plan(data: bytes) -> TrackPlan:
    """Return the plan of `encode_plan`; raises `BadInputError` if there is no such movie here."""
    return msgspec.json.decode(data, type=TrackPlan, dec_hook=_path)


def main() -> None:
    """Track one movie."""
    tell = MessageWriter(os.fdopen(os.dup(1), "wb")).send
    os.dup2(2, 1)  # what libraries print is no answer
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pipe = os.fdopen(0, "rb", buffering=0, closefd=False)
    orders: MessageReader[MovieToTrack] = MessageReader(pipe, MovieToTrack)
    told = orders.receive()
    threading.Thread(target=_cancel_at_the_end, name="end", daemon=True).start()
    try:
        from parfocal.rig.track import run_track

        plan = decode_plan(told.plan)
        summary = run_track(plan, lambda progress: tell(MovieProgress(progress=progress)))
        tell(MovieTracked(summary=summary))
    except KeyboardInterrupt:
        tell(MovieFailed(told="it was interrupted before its run had begun"))
    except BadInputError as error:
        tell(MovieFailed(told=str(error)))
    except Exception as error:  # noqa: BLE001 (the border of the process: whoever waits is told)
        tell(MovieFailed(told=f"{type(error).__name__}: {error}"))


def _cancel_at_the_end() -> None:
    """Interrupt the main thread when stdin has no other end any more."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)  # which ends what the main thread waits in


def _path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"no {kind} is known here")


if __name__ == "__main__":
    main()
