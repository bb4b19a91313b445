"""The images of a file, a data set or a run, as rows. For the process that reads."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from parfocal.app.browser.names import well_name
from parfocal.app.browser.rows import ImageRow
from parfocal.core.errors import ParfocalError
from parfocal.core.event_layout import EventLayout
from parfocal.core.frames import FrameSpec
from parfocal.formats import ImagePart, Movie, parts_of
from parfocal.storage import Manifest, RecordedRun, open_run
from parfocal.storage.recorded_run import MADE_OF_IMAGES

_WORDS = {"folder of TIFF": "TIFF", "parfocal recording": "recording", "NumPy array": "NumPy"}


def rows_of(row: ImageRow) -> Iterator[ImageRow]:
    """Yield the images of what a row only knows the name of; what cannot be read is a row that says why."""
    try:
        if row.kind == "run":
            yield from _rows_of_run(row)
        else:
            parts = parts_of(row.path)
            first = next(parts)
            several = next(parts, None)
            yield _row(row, first, alone=several is None)
            if several is not None:
                yield _row(row, several, alone=False)
                yield from (_row(row, part, alone=False) for part in parts)
    except Exception as error:  # noqa: BLE001 (whatever a decoder raises for a broken file: told in its row)
        yield replace(row, problem=in_short(error, row), is_read=True)


def open_row(row: ImageRow) -> Movie:
    """Open the images of a row; raises `MovieError`."""
    return ImagePart(path=row.path, position=row.position).open()


def in_short(error: Exception, row: ImageRow) -> str:
    """Return what is wrong in a line, without the path that the row has."""
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, ParfocalError | OSError):
        text = f"{type(error).__name__}: {text}"
    text = text.removeprefix(f"{row.path}: ").removeprefix(f"{row.path} ")
    return re.sub(r"^image \d+ cannot be read: ", "", text)


def _row(row: ImageRow, part: ImagePart, *, alone: bool) -> ImageRow:
    facts = part.facts
    own = {
        "path": part.path,
        "position": part.position,
        "name": row.name if alone else _part_name(row, part),
        "well": well_name(part.well) if part.well else row.well,
        "site": part.site or row.site,
        "is_read": True,
    }
    if facts is None:
        return replace(row, **own, problem=part.problem.removeprefix(f"{part.path}: "))
    sizes = {axis: size for axis, size in zip(facts.axes, facts.sizes, strict=True) if axis in "ctz"}
    kind = _WORDS.get(facts.format, facts.format)
    return replace(
        row,
        **own,
        kind=kind,
        t="" if "t" in sizes else row.t,  # what the file holds counts more than its name
        z="" if "z" in sizes else row.z,
        channel="" if "c" in sizes else row.channel,
        channels=part.channels if len(part.channels) > 1 or not row.channel else (),
        sizes=sizes,
        shape=facts.shape,
        dtype=facts.dtype,
        pixel_size_um=facts.pixel_size_um,
    )


def _part_name(row: ImageRow, part: ImagePart) -> str:
    inner = Path(part.path).relative_to(row.path).as_posix() if part.path != row.path else part.site
    return f"{row.name}/{inner}"


def _rows_of_run(row: ImageRow) -> Iterator[ImageRow]:
    run = open_run(row.path)
    manifest = run.manifest
    reason = f" ({manifest.reason})" if manifest.reason else ""
    began = replace(
        row,
        name=manifest.name or row.name,
        time_ns=manifest.started.utc_ns,
        outcome=manifest.seen if manifest.seen in ("complete", "recording") else f"{manifest.seen}{reason}",
        pixel_size_um=manifest.pixel_size_um,
        is_read=True,
    )
    images = list(_images_of_run(began, run, manifest))
    if not images and "images" in manifest.missing:
        began = replace(began, outcome=f"{began.outcome}; no images: {manifest.missing['images']}")
    yield from images or [began]


def _images_of_run(row: ImageRow, run: RecordedRun, manifest: Manifest) -> Iterator[ImageRow]:
    """Yield a row for each position of each stream of frames that a camera made."""
    for stream, record in manifest.streams.items():
        if stream in MADE_OF_IMAGES or not isinstance(record.spec, FrameSpec):
            continue
        looks = replace(
            row,
            shape=record.spec.shape,
            dtype=record.spec.dtype,
            pixel_size_um=record.spec.pixel_size_um or row.pixel_size_um,
        )
        if record.events is None:
            yield replace(looks, path=str(run.folder / record.path), sizes={"t": record.stored})
            continue
        events = record.events
        sizes = recorded_sizes(events, record.stored)
        several = events.size("p") > 1
        for position, path in enumerate(run.image_folders(stream)):
            place = events.positions[position] if position < len(events.positions) else None
            site = (place.name if place else "") or (str(position) if several else "")
            yield replace(
                looks,
                path=str(path),
                name=f"{row.name}/{site}" if several else row.name,
                well=well_name(place.well) if place and place.well else "",
                site=site,
                channels=events.channels,
                sizes=sizes,
            )


def recorded_sizes(events: EventLayout, stored: int) -> dict[str, int]:
    """Return how many channels, planes and times are recorded, those that are not 1: the plan may have more.

    Examples
    --------
    >>> recorded_sizes(EventLayout(axes="tpc", sizes=(1000, 2, 3)), 13)
    {'c': 3, 't': 3}
    """
    a_time = math.prod(events.size(axis) for axis in "pcz")
    sizes = {"c": events.size("c"), "z": events.size("z"), "t": min(events.size("t"), -(-stored // a_time))}
    return {axis: size for axis, size in sizes.items() if size != 1}
