"""The images of a record as a pipeline is to see them: each with its event, and where the stages stood."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.event_kinds import EVENT_KINDS, EventKind
from parfocal.core.event_layout import EventLayout, PositionLayout
from parfocal.core.frames import FrameSpec
from parfocal.rig.offline.planned import schedule_of
from parfocal.runs.event_log import DTYPE as EVENTS
from parfocal.runs.instruments.instruments import ExposedFrame
from parfocal.runs.pipeline.image_group import KINDS, ImageGroup, field_of
from parfocal.runs.plans.event import Event
from parfocal.storage.event_frames import plan_in
from parfocal.storage.foreign.run import IMAGES, ForeignRun
from parfocal.storage.recorded_run import EVENT_LOG, open_run
from parfocal.storage.reprocessed_run import ReprocessedRun

if TYPE_CHECKING:
    from parfocal.runs.pipeline.time_point import TimePoint
    from parfocal.storage.recorded_run import RecordedRun

_IMAGES = [EVENT_KINDS.index(kind) for kind in KINDS]
_TOLD_BY = ("manifest.json", "zarr.json", ".zattrs")
_NAMED_USE = " ("
"""Begins what the name of a channel along c says of its use, where an image has the same preset."""


class SourceImage(NamedTuple):
    """An image of a record: the event that it was taken for, and how it was exposed, as read back."""

    event: Event
    exposure: ExposedFrame


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record whose images are to be analysed.

    Attributes
    ----------
    folder : str
        Of the record, absolute.
    stream : str
        The stream of its images.
    frame : FrameSpec
        What each of them looks like.
    layout : EventLayout
        How they lie.
    images : list of SourceImage
        Position after position, each in the order of time. The event number of a header is that of `layout`.
    image_folders : tuple of str
        Of each position: where its image lies, absolute.
    """

    folder: str
    stream: str
    frame: FrameSpec
    layout: EventLayout
    images: list[SourceImage]
    image_folders: tuple[str, ...]

    @property
    def told_by(self) -> tuple[Path, ...]:
        """The files by which the record is known again on another machine."""
        return tuple(path for name in _TOLD_BY if (path := Path(self.folder, name)).is_file())

    def time_points(self, channel: str) -> dict[int, list[TimePoint]]:
        """Return what is to be analysed, by position: the time points that have an image of `channel`."""
        found: dict[int, list[TimePoint]] = {}
        for group in _groups(self.images):
            point = group.time_point(channel)
            if point is not None:
                found.setdefault(group.p, []).append(point)
        return found


def source_of(folder: Path | str, stream: str = "") -> SourceRecord:
    """Return the images of a record.

    Parameters
    ----------
    folder : path
        Of a run, or of an OME-Zarr that another program has written.
    stream : str
        Of which camera, where the record has several.

    Raises
    ------
    BadInputError
        If there is no record, it holds no images of a plan, or none at all. Of a record of images that were
        analysed again, these are meant.
    """
    run = open_run(folder)
    if isinstance(run, ReprocessedRun):
        run = run.source
    return _source_of_foreign(run, stream) if isinstance(run, ForeignRun) else _source_of_run(run, stream)


def _source_of_run(run: RecordedRun, stream: str) -> SourceRecord:
    images = run.one_stream("frames", stream)
    records = run.manifest.streams
    stream = next(name for name, record in records.items() if run.folder / record.path == images)
    record = records[stream]
    assert isinstance(record.spec, FrameSpec)
    if record.events is None:
        raise BadInputError(
            f"the frames of {stream!r} in {run.folder} follow one another without a plan: a pipeline needs "
            "time points, positions and channels"
        )
    layout = plan_in(images)[1].newest
    taken = sorted(_images_of_run(run, stream, layout), key=_order)
    if not taken:
        raise BadInputError(f"{run.folder} holds no images of {stream!r}: there is nothing to analyse")
    return SourceRecord(
        folder=str(run.folder.absolute()),
        stream=stream,
        frame=record.spec,
        layout=layout,
        images=taken,
        image_folders=tuple(str(path.absolute()) for path in run.image_folders(stream)),
    )


def _source_of_foreign(run: ForeignRun, stream: str) -> SourceRecord:
    """Return all images of an OME-Zarr; channels without a name are called by their numbers."""
    frames, record = run.frames(stream), run.manifest.streams[stream or IMAGES]
    layout = record.events
    assert layout is not None
    assert isinstance(record.spec, FrameSpec)
    channels = layout.channels or tuple(map(str, range(layout.size("c"))))
    images = []
    for index, header, _ in frames.unread():
        number, p = layout.number_of(index), index.get("p", 0)
        place = layout.positions[p] if layout.positions else PositionLayout()
        channel = channels[index.get("c", 0)] if len(channels) > 1 or layout.channels else ""
        event = Event(
            number=number, kind="image", index=index, channel=channel, position=place.name, well=place.well
        )
        images.append(SourceImage(event, ExposedFrame(header=msgspec.structs.replace(header, event=number))))
    return SourceRecord(
        folder=str(run.folder.absolute()),
        stream=stream or IMAGES,
        frame=record.spec,
        layout=layout,
        images=sorted(images, key=_order),
        image_folders=tuple(str(path.absolute()) for path in run.image_folders(stream or IMAGES)),
    )


def _images_of_run(run: RecordedRun, stream: str, layout: EventLayout) -> Iterator[SourceImage]:
    """Yield the images and references that are stored, as the log of the run's events tells of them."""
    rows = run.events() if EVENT_LOG in run.streams("rows") else np.empty(0, EVENTS)
    log = {_place(row): row for row in rows[np.isin(rows["kind"], _IMAGES)]}
    schedule = schedule_of(run, rows)
    planned = {} if schedule is None else {event.number: event for event in schedule.events()}
    for index, header, _ in run.frames(stream).unread():
        row = log.get(tuple(index.get(axis, 0) for axis in "tpcz"))
        number = layout.number_of(index) if row is None else int(row["number"])
        if row is None and len(rows):  # that of a stimulus
            continue
        kind: EventKind = "image" if row is None else EVENT_KINDS[row["kind"]]
        place = layout.positions[index.get("p", 0)] if layout.positions else PositionLayout()
        names = layout.channels or ("",)
        event = Event(
            number=number,
            kind=kind,
            index=index,
            channel=names[index.get("c", 0)].partition(_NAMED_USE)[0],
            position=place.name,
            well=place.well,
            metadata=planned[number].metadata if number in planned else {},
        )
        own = msgspec.structs.replace(header, event=layout.number_of(index))
        yield SourceImage(event, ExposedFrame(header=own, **({} if row is None else _stage(row))))


def _place(row: Any) -> tuple[int, ...]:
    return tuple(max(0, int(row[axis])) for axis in "tpcz")


def _stage(row: Any) -> dict[str, Any]:
    """Return where the stages stood, and the power, as they were read back; None where nobody knows."""
    read = {name: float(row[name]) for name in ("x_um", "y_um", "z_um", "power")}
    return {name: None if math.isnan(value) else value for name, value in read.items()}


def _order(image: SourceImage) -> tuple[int, int, int]:
    t, p = field_of(image.event)
    return p, t, image.event.number


def _groups(images: list[SourceImage]) -> Iterator[ImageGroup]:
    group: ImageGroup | None = None
    for event, exposure in images:
        if group is None or not group.goes_on_with(event):
            if group is not None:
                yield group
            group = ImageGroup(event)
        group.add(event, exposure)
    if group is not None:
        yield group
