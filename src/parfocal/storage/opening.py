"""Makes the recorder of a stream: for a new run, or for one that a dead process left unfinished."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError, ParfocalError, StorageError
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.core.status import RECORDING
from parfocal.storage.event_frames import EventFrameSink
from parfocal.storage.manifest import StreamRecord
from parfocal.storage.sinks import SinkOptions, create_sink, kind_of, resume_sink
from parfocal.storage.source import FIND_S, RingPlace, Source
from parfocal.storage.stream_recorder import StreamRecorder
from parfocal.storage.tables import may_go_on
from parfocal.streams import Stream, open_stream

if TYPE_CHECKING:
    from parfocal.core.protocols import Sink
    from parfocal.storage.folder import RunFolder
    from parfocal.storage.requests import Site, StreamRequest
    from parfocal.storage.tables import PartLimits


@dataclass(frozen=True, kw_only=True)
class Opener:
    """Makes the recorders of one run.

    Attributes
    ----------
    site, folder
        Where recording happens, and the run's folder.
    on_error, on_ring : callable
        As of `StreamRecorder`.
    phase : int
        How often the run had ended before.
    """

    site: Site
    folder: RunFolder
    on_error: Callable[[StreamRecorder, Exception], None]
    on_ring: Callable[[StreamRecorder], None]
    phase: int = 0

    def open(
        self, wanted: StreamRequest, stream: Stream, path: str, writer: str
    ) -> tuple[StreamRecorder, StreamRecord]:
        """Attach to a stream, which `writer` writes, and make its sink at `path` in the run's folder.

        Raises
        ------
        StreamError, BadInputError, StorageError
            If either can't be done; nothing is held then.
        """
        source = Source(self.site.streams, stream, wanted.policy, self._reader)
        options = msgspec.structs.replace(
            options_for(wanted, stream),
            first_sequence=source.position,
            first_number=source.first_number,
            batch=source.batch,
        )
        try:
            sink = create_sink(self.folder.path / path, options, self.site.clock)
        except BaseException:
            source.close()
            raise
        record = StreamRecord(
            kind=kind_of(options),
            path=path,
            policy=wanted.policy,
            spec=stream.spec,
            first_sequence=options.first_sequence,
            first_number=options.first_number,
            ring=source.place,
            writer=writer,
            numbered_by=wanted.numbered_by,
            events=wanted.events,
        )
        return self._recorder(source, sink), record

    def take_up(
        self, name: str, record: StreamRecord, limits: PartLimits
    ) -> tuple[StreamRecorder | None, StreamRecord]:
        """Go on with a stream where a process that died left it; a table goes on within `limits`.

        Returns
        -------
        StreamRecorder or None
            None if that can't be done: then the sink was closed, and the record says why, and what is known.
        StreamRecord
            As it is now.
        """
        options = SinkOptions(
            spec=record.spec,
            first_sequence=record.first_sequence,
            first_number=record.first_number,
            limits=limits,
            events=record.events,
        )
        sink: Sink[Any] | None = None
        try:
            sink = resume_sink(self.folder.path / record.path, options, self.site.clock)
            stream = open_stream(self.site.streams, name, FIND_S)
            if stream.created_ns != record.ring.created_ns:  # of what came between, the numbers alone tell
                place = RingPlace(
                    created_ns=stream.created_ns, base=sink.next_sequence, ring=record.ring.ring + 1
                )
                record = msgspec.structs.replace(record, ring=place, uncounted=True)
            source = Source(self.site.streams, stream, record.policy, self._reader, record.ring)
            return self._recorder(source, sink), record
        except ParfocalError as error:
            return None, self._given_up(name, record, sink, error)

    def go_on(
        self, wanted: StreamRequest, stream: Stream, record: StreamRecord, *, recovers: bool = False
    ) -> tuple[StreamRecorder, StreamRecord]:
        """Go on with a stream of a run that had ended: what comes from now on follows what is there.

        In a run that `recovers`, whoever ends it counts anew what is lost of frames of events, and a table
        keeps its columns, also where a later version of the program tells others.

        Raises
        ------
        StreamError, BadInputError, StorageError
            If it can't be done; nothing is held then.
        """
        _check_same(wanted, stream, record, recovers=recovers)
        source = Source(self.site.streams, stream, wanted.policy, self._reader)
        options = msgspec.structs.replace(
            options_for(wanted, stream),
            spec=record.spec,
            first_sequence=record.first_sequence,
            first_number=record.first_number,
            batch=source.batch,
            next_number=source.first_number,
        )
        try:
            sink = resume_sink(self.folder.path / record.path, options, self.site.clock)
            source.renumber(sink.next_sequence)
            if isinstance(sink, EventFrameSink) and wanted.events is not None:
                sink.extend(wanted.events, sink.next_sequence)
        except BaseException:
            source.close()
            raise
        counted = sink.count()
        is_counted_anew = recovers and record.kind == "events"
        record = msgspec.structs.replace(
            record,
            policy=wanted.policy,
            ring=source.place,
            events=sink.events if isinstance(sink, EventFrameSink) else None,
            stored_before=counted.stored,
            lost_before=0 if is_counted_anew else record.lost - counted.lost,
            uncounted=record.uncounted and not is_counted_anew,
            error="",
        )
        return self._recorder(source, sink), record

    def _recorder(self, source: Source, sink: Sink[Any]) -> StreamRecorder:
        return StreamRecorder(source, sink, self.on_error, self.on_ring, self.site.clock, self.site.delay_s)

    @property
    def _reader(self) -> str:
        """Name of the run's readers: whoever goes on with it comes back under it, and nobody else does.

        Its end tells everybody else, such as the camera's host and viewers, that the stream is recorded.
        """
        run = f"{self.folder.path} {self.phase}" if self.phase else str(self.folder.path)
        return f"{self.site.service}-{zlib.crc32(run.encode()):08x}{RECORDING}"

    def _given_up(
        self, name: str, record: StreamRecord, sink: Sink[Any] | None, why: ParfocalError
    ) -> StreamRecord:
        """Close a sink whose stream can't be taken up; of one that can't be read nothing counts as stored."""
        if sink is None:
            stated, stored = f"what was stored cannot be read: {why}", 0
            expected = self._known_end(name, record) - record.first_sequence
        else:
            with suppress(StorageError):
                sink.close()
            count = sink.count()
            stated, stored, expected = str(why), count.stored, count.expected
        return msgspec.structs.replace(
            record, expected=expected, stored=stored, lost=expected - stored, error=stated, uncounted=True
        )

    def _known_end(self, name: str, record: StreamRecord) -> int:
        """Return how far the stream is known to have come: where the run began, if its ring is gone."""
        with suppress(ParfocalError):
            stream = open_stream(self.site.streams, name)
            if stream.created_ns == record.ring.created_ns:
                return record.ring.base + stream.produced
        return record.first_sequence


def options_for(wanted: StreamRequest, stream: Stream) -> SinkOptions:
    """Return what a sink may want to know before anything is attached."""
    return SinkOptions(spec=stream.spec, codec=wanted.codec, limits=wanted.limits, events=wanted.events)


def _check_same(wanted: StreamRequest, stream: Stream, record: StreamRecord, *, recovers: bool) -> None:
    """Refuse to go on with a stream that holds something else by now, or is to be stored in another way."""
    kind = kind_of(options_for(wanted, stream))
    if kind != record.kind:
        raise BadInputError(
            f"stream {stream.name!r} of the run is stored as {record.kind}, and cannot go on as {kind}: "
            "start another run"
        )
    now, before = stream.spec, record.spec
    told = f"{now} instead of {before}"
    is_same = now == before
    if isinstance(now, RowSpec) and isinstance(before, RowSpec):
        told = _other_columns(dict(now.columns), dict(before.columns))
        is_same = may_go_on(now.numpy_dtype, before.numpy_dtype) if recovers else is_same
    if not is_same:
        raise BadInputError(
            f"stream {stream.name!r} holds something else than the run does: {told}; set it as it was, or "
            "start another run"
        )


def _other_columns(now: dict[str, str], before: dict[str, str]) -> str:
    """Return in words how the columns of rows differ from those of a table.

    Examples
    --------
    >>> _other_columns({"n": "<i8", "ratio": "<f8"}, {"n": "<i4", "mean": "<f8"})
    'it lacks mean; it also has ratio; it has changed n (<i8, not <i4)'
    """
    both = [name for name in before if name in now]
    found = {
        "lacks": [name for name in before if name not in now],
        "also has": [name for name in now if name not in before],
        "has changed": [
            f"{name} ({now[name]}, not {before[name]})" for name in both if now[name] != before[name]
        ],
    }
    parts = [f"it {verb} {', '.join(names)}" for verb, names in found.items() if names]
    return "; ".join(parts) or "its columns have another order"


def path_of(wanted: StreamRequest, stream: Stream, records: dict[str, StreamRecord]) -> str:
    """Return where a stream goes in the folder of its run, beside those that have a place already.

    Rows go to a folder of the stream's name, the first stream of frames to ``frames.ome.zarr``, and further
    ones to ``<stream>.ome.zarr``. Labels lie in the images that they belong to.

    Raises
    ------
    BadInputError
        If there are no images for labels.
    """
    if not isinstance(stream.spec, FrameSpec):
        return stream.name
    frames = [record for record in records.values() if isinstance(record.spec, FrameSpec)]
    if wanted.events is None or not wanted.events.label:
        return f"{stream.name if frames else 'frames'}.ome.zarr"
    images = [record for record in frames if record.events is not None and not record.events.label]
    if not images:
        raise BadInputError(f"stream {stream.name!r} labels images: record these by events, too")
    return f"{images[0].path}/{wanted.events.label}"
