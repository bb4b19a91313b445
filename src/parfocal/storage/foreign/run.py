"""An OME-Zarr, with what lies beside it, that another program has written: read like the record of a run."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.errors import BadInputError, MovieError
from parfocal.core.frames import RowSpec
from parfocal.formats import ZARR_FILES
from parfocal.formats.zarr import attributes_of, image_folders, label_names
from parfocal.processes.identity import this_process
from parfocal.storage.foreign.images import ForeignStream, foreign_streams
from parfocal.storage.foreign.tables import Columns, as_rows, as_tracks, row_count, tables_beside, tables_in
from parfocal.storage.manifest import Manifest, StreamRecord, Writer
from parfocal.storage.moment import Moment
from parfocal.storage.recorded_frames import Choice, RecordedFrames
from parfocal.storage.recorded_run import RecordedRun

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTCOME = "unknown: written by another program"
IMAGES, _LABELS, _TRACKS, _TABLES = "images", "labels", "tracks", "tables"
_NOT_TOLD = {
    "events": "which program took the images, and when each was exposed, is not told",
    "manifest": "nobody has compared what was asked for with what is here",
}


class _Held(NamedTuple):
    streams: dict[str, ForeignStream]
    tables: dict[str, Columns]
    missing: dict[str, str]


class ForeignRun(RecordedRun):
    """What lies in an OME-Zarr of another program. Made by `open_run`.

    ``frames()`` are its images, and ``frames("labels")`` its labels; further ones have the names that they
    have there. ``rows(name)`` is a table, and ``tracks()`` the one that has a time, a place and a number for
    each cell. ``manifest.missing`` tells what could not be read, and what nobody tells.

    Parameters
    ----------
    folder : Path
        Of the OME-Zarr, or one that holds it, and perhaps a folder `tracks`.
    """

    @property
    def zarr(self) -> Path:
        """The OME-Zarr."""
        found = zarr_in(self.folder)
        if found is None:
            raise BadInputError(f"{self.folder} holds no OME-Zarr, or several")
        return found

    @cached_property
    def manifest(self) -> Manifest:
        """What is here, and what is missing, as the record of a run has it; nobody has written it."""
        held, streams = self._held, {}
        for name, stream in held.streams.items():
            count = sum(image.headers.size for image in stream.images)
            streams[name] = StreamRecord(
                kind="events", path=self._path(stream.places[0]), policy="block", spec=stream.spec,
                first_sequence=0, expected=count, stored=count, events=stream.layout,
            )  # fmt: skip
        for name, columns in held.tables.items():
            rows = as_rows(columns)
            streams[name] = StreamRecord(
                kind="rows", path=name, policy="block", spec=RowSpec.of(rows.dtype), first_sequence=0,
                expected=len(rows), stored=len(rows),
            )  # fmt: skip
        pid, mark = this_process()
        return Manifest(
            run=self.folder.name,
            name=self.folder.name,
            started=Moment(utc="", utc_ns=self.zarr.stat().st_mtime_ns, monotonic_ns=0),
            recorder=Writer(pid=pid, mark=mark, host=""),
            outcome=OUTCOME,
            pixel_size_um=held.streams[IMAGES].spec.pixel_size_um,
            streams=streams,
            missing={**_NOT_TOLD, **held.missing},
        )

    def image_folders(self, stream: str = IMAGES) -> tuple[Path, ...]:
        """Return where the images of a stream lie, one for each position."""
        return self._stream(stream).places

    def frames(
        self, stream: str = "", *, t: Choice = None, p: Choice = None, c: Choice = None, z: Choice = None
    ) -> RecordedFrames:
        """Return images by their index, as `RecordedRun.frames` does."""
        found = self._stream(stream or IMAGES)
        return RecordedFrames([*found.images], found.layout, {"t": t, "p": p, "c": c, "z": z})

    def rows(self, stream: str = "") -> NDArray[Any]:
        """Return a table, as `RecordedRun.rows` does."""
        return as_rows(self._held.tables[self._one(self.manifest, "rows", stream)])

    def tracks(self) -> NDArray[Any]:
        """Return the cells of all images, a structured array (n,), with the columns that there are.

        "t", "p", "label", "particle", "y_px" and "x_px" have these names, -1 where nobody tells; "position"
        is the name of one.
        """
        rows = self.rows(_TRACKS)
        layout = self._held.streams[IMAGES].layout
        names = np.array([place.name for place in layout.positions] or [""])
        known = np.where((rows["p"] >= 0) & (rows["p"] < len(names)), rows["p"], 0)
        columns = {str(name): rows[name] for name in rows.dtype.names or ()}
        return as_rows({**columns, "position": names[known]})

    @cached_property
    def _held(self) -> _Held:
        streams, missing = foreign_streams(self.zarr)
        labels = [name for name in streams if name != IMAGES]
        if labels and _LABELS not in labels:
            streams = {_LABELS if name == labels[0] else name: one for name, one in streams.items()}
        tables: dict[str, Columns] = {}
        places = streams[IMAGES].places
        for place in dict.fromkeys(places):
            found, why = tables_in(place / _TABLES)
            missing |= why
            for name, columns in found.items():
                _add(tables, name, {"p": np.full(row_count(columns), places.index(place)), **columns})
        beside = self.folder / _TRACKS
        if beside.is_dir() and self.zarr != self.folder:
            try:
                tables[_TRACKS] = tables_beside(beside)
            except BadInputError as error:
                missing[_TRACKS] = str(error)
        made = {name: as_tracks(columns) for name, columns in tables.items()}
        first = next((name for name in (_TRACKS, *made) if made.get(name)), "")
        tracks = made.get(first)
        if tracks is not None:
            tables = {_TRACKS: tracks, **{name: one for name, one in tables.items() if name != first}}
        else:
            missing[_TRACKS] = "no table has a time, a place and a number for each cell"
        return _Held(streams, {name: one for name, one in tables.items() if one}, missing)

    def _stream(self, name: str) -> ForeignStream:
        return self._held.streams[self._one(self.manifest, "frames", name)]

    def _path(self, place: Path) -> str:
        return place.relative_to(self.folder).as_posix() if place.is_relative_to(self.folder) else str(place)


def zarr_in(folder: Path) -> Path | None:
    """Return the OME-Zarr that a folder is, or the only one that it holds; None if that is ours, or none."""
    if _is_zarr(folder):
        return None if _is_ours(folder) else folder
    found = [path for path in folder.iterdir() if path.is_dir() and path.suffix == ".zarr" and _is_zarr(path)]
    return found[0] if len(found) == 1 and not _is_ours(found[0]) else None


def has_labels(folder: Path) -> bool:
    """Whether a folder is an OME-Zarr of another program, with labels in one of its images."""
    if not folder.is_dir() or not _is_zarr(folder) or _is_ours(folder):
        return False
    try:
        return any(label_names(place.path) for place in image_folders(folder))
    except MovieError:  # whoever opens its images is told
        return False


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ZARR_FILES)


def _is_ours(folder: Path) -> bool:
    return "parfocal" in attributes_of(folder)


def _add(tables: dict[str, Columns], name: str, columns: Columns) -> None:
    """Add the table of a further position to that of those before, if it has the same columns."""
    before = tables.get(name)
    if before is None:
        tables[name] = columns
    elif set(before) == set(columns):
        tables[name] = {one: np.concatenate([before[one], columns[one]]) for one in before}
    else:
        tables[f"{name} {len(tables)}"] = columns
