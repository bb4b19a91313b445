"""Chooses the sink of a stream, and makes or reopens it.

A further kind of sink is three steps: a class that is a `parfocal.core.protocols.Sink`, in a file of its own;
a `SinkKind` for it below; and the rule in `kind_of` that says which streams it takes.
`tests/storage/test_sinks.py` then runs the contract of all sinks against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError
from parfocal.core.event_layout import EventLayout
from parfocal.core.frames import FrameSpec, StreamSpec
from parfocal.core.status import UNKNOWN_NUMBER
from parfocal.storage.event_frames import EventFrameSink
from parfocal.storage.frames import FrameSink
from parfocal.storage.ome_zarr import Codec
from parfocal.storage.tables import BATCH, PartLimits, RowSink

if TYPE_CHECKING:
    from parfocal.core.protocols import Sink


class SinkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """All that a sink may want to know of the stream that it takes.

    Attributes
    ----------
    spec : FrameSpec or RowSpec
        What each frame or row looks like.
    first_sequence, first_number : int
        Number in the stream of the first one, and the number that the producer should give it.
    batch : int
        How many frames or rows the stream can hold back for it.
    codec : str
        Of pixels.
    limits : PartLimits
        Of the parts of a table.
    events : EventLayout or None
        Where the frames of events lie; None for frames that follow one another.
    next_number : int or None
        Of a sink that was closed and goes on: the number that the producer should give its next frame. None
        for one that was not closed.
    """

    spec: StreamSpec
    first_sequence: int = 0
    first_number: int = UNKNOWN_NUMBER
    batch: int = BATCH
    codec: Codec = "blosc-lz4"
    limits: PartLimits = PartLimits()
    events: EventLayout | None = None
    next_number: int | None = None


@dataclass(frozen=True)
class SinkKind:
    """How sinks of one kind are made: ``create(path, options, clock)``, and ``resume`` after a crash."""

    create: Callable[[Path, SinkOptions, Clock], Sink[Any]]
    resume: Callable[[Path, SinkOptions, Clock], Sink[Any]]


def kind_of(options: SinkOptions) -> str:
    """Return which kind of sink takes a stream: a key of `SINKS`.

    Raises
    ------
    BadInputError
        If rows are to be stored by events.
    """
    if isinstance(options.spec, FrameSpec):
        return "frames" if options.events is None else "events"
    if options.events is not None:
        raise BadInputError("a stream of rows cannot be stored by events: rows have no event")
    return "rows"


def create_sink(path: Path, options: SinkOptions, clock: Clock = SYSTEM_CLOCK) -> Sink[Any]:
    """Return a new sink at `path`; raises what its class raises."""
    return SINKS[kind_of(options)].create(path, options, clock)


def resume_sink(path: Path, options: SinkOptions, clock: Clock = SYSTEM_CLOCK) -> Sink[Any]:
    """Return the sink at `path`, whose writer has ended; raises what its class raises."""
    return SINKS[kind_of(options)].resume(path, options, clock)


def _first(options: SinkOptions) -> dict[str, int]:
    return {"first_sequence": options.first_sequence, "first_number": options.first_number}


def _so_far(options: SinkOptions) -> dict[str, Any]:
    return {**_first(options), "next_number": options.next_number}


def _frames(path: Path, options: SinkOptions, clock: Clock) -> FrameSink:
    del clock
    assert isinstance(options.spec, FrameSpec)
    return FrameSink.create(
        path, options.spec, codec=options.codec, most_per_shard=options.batch, **_first(options)
    )


def _events(path: Path, options: SinkOptions, clock: Clock) -> EventFrameSink:
    del clock
    assert isinstance(options.spec, FrameSpec)
    assert options.events is not None
    return EventFrameSink.create(path, options.spec, options.events, codec=options.codec, **_first(options))


def _rows(how: Callable[..., RowSink]) -> Callable[[Path, SinkOptions, Clock], RowSink]:
    def make(path: Path, options: SinkOptions, clock: Clock) -> RowSink:
        return how(
            path, options.spec, first_sequence=options.first_sequence, limits=options.limits,
            batch=options.batch, clock=clock,
        )  # fmt: skip

    return make


SINKS = {
    "frames": SinkKind(_frames, lambda path, options, _: FrameSink.resume(path, **_so_far(options))),
    "events": SinkKind(_events, lambda path, options, _: EventFrameSink.resume(path, **_so_far(options))),
    "rows": SinkKind(_rows(RowSink.create), _rows(RowSink.resume)),
}
"""The kinds of sinks there are, by the name that the record of a run gives them."""
