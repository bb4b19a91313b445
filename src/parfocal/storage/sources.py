"""What is recorded and by which rules, as data; and how a lane for it is opened, anew or after a crash."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import ParfocalError, StreamError
from parfocal.core.frames import FrameSpec, StreamSpec
from parfocal.storage.folder import RunFolder
from parfocal.storage.frames import FrameStore
from parfocal.storage.intakes import FrameIntake, Intake, RowIntake
from parfocal.storage.lanes import Lane
from parfocal.storage.manifest import Policy, StreamRecord
from parfocal.storage.ome_zarr import Codec
from parfocal.storage.outcome import Count
from parfocal.storage.tables import PartLimits, RowStore
from parfocal.streams import Stream, open_stream

_FIND_S = 1.0
_RING_SHARE = (
    4  # a reader that doesn't block may hold this part of a ring, and it leaves time for a slow disk
)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A stream to record."""

    name: str
    policy: Policy = "drop"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How to record, whatever is recorded.

    Attributes
    ----------
    codec : str
        Of frames: "blosc-lz4", "blosc-zstd" or "none".
    limits : PartLimits
        Of the parts of a table.
    stop_on_error : bool
        Whether an error in one stream makes the run a failed one; else the other streams go on.
    """

    codec: Codec = "blosc-lz4"
    limits: PartLimits = PartLimits()
    stop_on_error: bool = False


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where recording happens.

    Attributes
    ----------
    streams : Path
        Folder of the rig's streams.
    rig, service : str
        Whose recording it is.
    on_error : callable
        Called as ``on_error(stream, error)`` in a thread of the recording when a stream's recording ends by
        an error.
    """

    streams: Path
    rig: str
    service: str
    on_error: Callable[[str, Exception], None]
    clock: Clock = SYSTEM_CLOCK


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Everything that the lanes of one run share.

    Attributes
    ----------
    on_lane_error : callable
        Called as ``on_lane_error(lane, error)`` in the lane's thread.
    """

    site: Site
    rules: Rules
    folder: RunFolder
    on_lane_error: Callable[[Lane, Exception], None]

    @property
    def reader(self) -> str:
        """Name of the run's readers: whoever resumes the run comes back under it, and nobody else does."""
        return f"{self.site.service}-{zlib.crc32(str(self.folder.path).encode()):08x}"

    def store_of(self, name: str, spec: StreamSpec) -> Path:
        """Where the stream goes."""
        return self.folder.frames if isinstance(spec, FrameSpec) else self.folder.rows(name)


def find_stream(site: Site, name: str) -> Stream:
    """Return a stream of the rig, which may be about to be made; raises `StreamNotFoundError`."""
    return open_stream(site.streams, name, _FIND_S)


def in_successor(site: Site, name: str, record: StreamRecord) -> int | None:
    """Return what was produced into a later ring that has the stream's name by now; None if there is none."""
    try:
        stream = open_stream(site.streams, name)
    except StreamError:
        return None
    return None if stream.created_ns == record.ring_created_ns else stream.produced


def open_lane(source: Source, stream: Stream, setup: Setup) -> tuple[Lane, StreamRecord]:
    """Attach to a stream and make its store; nothing moves before the lane is started.

    Raises
    ------
    StreamError, BadInputError, StorageError
        If either can't be done; nothing is held then.
    """
    path = setup.store_of(source.name, stream.spec)
    with ExitStack() as undo:
        reader = undo.enter_context(stream.lossless(source.policy, name=setup.reader))
        record = StreamRecord(
            kind="frames" if isinstance(stream.spec, FrameSpec) else "rows",
            path=path.name,
            policy=source.policy,
            spec=stream.spec,
            first_sequence=reader.position,
            ring_created_ns=stream.created_ns,
        )
        intake = _new_intake(path, record, stream, setup)
        undo.pop_all()
    return Lane(source.name, stream, reader, intake, setup.on_lane_error, setup.site.clock), record


def reopen_lane(name: str, record: StreamRecord, setup: Setup) -> Lane:
    """Take up a stream and its store where a process that died left them.

    Raises
    ------
    StreamError, BadInputError, StorageError
        If the stream is another one by now, or the store can't be read.
    """
    stream = find_stream(setup.site, name)
    if stream.created_ns != record.ring_created_ns:
        raise StreamError(f"stream {name!r} was replaced by another one while the recorder was away")
    path = setup.store_of(name, record.spec)
    with ExitStack() as undo:
        reader = undo.enter_context(stream.lossless(record.policy, name=setup.reader))
        intake = _old_intake(path, record, stream, setup)
        undo.pop_all()
    return Lane(name, stream, reader, intake, setup.on_lane_error, setup.site.clock)


def salvage(name: str, record: StreamRecord, setup: Setup, why: Exception) -> Count:
    """Close the store of a stream that can't be taken up again, `why` says why; return what is known of it.

    Nobody sees what the stream still brings, so more may be lost than is counted. Of a store that can't be
    read nothing counts as stored.
    """
    end = _known_end(setup.site, name, record)
    try:
        store = _old_store(setup.store_of(name, record.spec), record, setup)
        store.close()
    except ParfocalError as error:
        told = f"{why}; what was stored cannot be read: {error}"
        known = Count(expected=end - record.first_sequence, stored=0, error=told)
    else:
        known = msgspec.structs.replace(store.count(end), error=str(why))
    return msgspec.structs.replace(known, uncounted=True)


def _known_end(site: Site, name: str, record: StreamRecord) -> int:
    """Return how far the stream is known to have come: where the run began, if its ring is gone."""
    try:
        stream = open_stream(site.streams, name)
    except StreamError:
        return record.first_sequence
    return stream.produced if stream.created_ns == record.ring_created_ns else record.first_sequence


def _bite(stream: Stream) -> int:
    return max(1, stream.status().slots // _RING_SHARE)


def _new_intake(path: Path, record: StreamRecord, stream: Stream, setup: Setup) -> Intake:
    first, rules = record.first_sequence, setup.rules
    if isinstance(record.spec, FrameSpec):
        bite = _bite(stream)
        image = FrameStore.create(
            path, record.spec, first_sequence=first, codec=rules.codec, most_per_shard=bite
        )
        return FrameIntake(image, stream)
    table = RowStore.create(
        path, record.spec, first_sequence=first, limits=rules.limits, clock=setup.site.clock
    )
    return RowIntake(table, _bite(stream))


def _old_intake(path: Path, record: StreamRecord, stream: Stream, setup: Setup) -> Intake:
    store = _old_store(path, record, setup)
    if isinstance(store, FrameStore):
        return FrameIntake(store, stream)
    return RowIntake(store, _bite(stream))


def _old_store(path: Path, record: StreamRecord, setup: Setup) -> FrameStore | RowStore:
    first = record.first_sequence
    if isinstance(record.spec, FrameSpec):
        return FrameStore.resume(path, first_sequence=first)
    return RowStore.resume(
        path, record.spec, first_sequence=first, limits=setup.rules.limits, clock=setup.site.clock
    )
