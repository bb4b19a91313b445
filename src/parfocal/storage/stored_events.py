"""Which events of a run have a frame on the disk, and a row in its log: for whoever recovers the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from parfocal.storage.event_documents import image_folders
from parfocal.storage.event_frames import plan_in
from parfocal.storage.event_headers import EventHeaders
from parfocal.storage.manifest import read_manifest
from parfocal.storage.ome_zarr import HEADER_COLUMNS, HEADERS
from parfocal.storage.reading import iter_rows
from parfocal.storage.recorded_run import DOSES, EVENT_LOG, STIMULATIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOLD = ("frame", "time_ns", "exposure_ns")
FRAMES = np.dtype([(name, "<i8") for name in ("t", "p", "c", "z", *_TOLD)])
"""Of the first array that `stored_events` returns: the index of a frame, its number and its times."""


def stored_events(
    folder: Path | str, stream: str
) -> tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Return what a run holds of its events.

    Parameters
    ----------
    folder : path
        Of the run, which nobody records just now.
    stream : str
        That of the camera.

    Returns
    -------
    structured ndarray, shape (n,)
        For each frame that was stored by its event "t", "p", "c", "z", "frame", "time_ns" and "exposure_ns".
    ndarray of int64, shape (m,)
        The numbers of the events that have a row in the log.
    ndarray of int64, shape (k,), or None
        Those of the stimuli that have a row in the table of stimuli; None if the run has no such table.
    ndarray of int64, shape (l,), or None
        The same of the table of doses.

    Raises
    ------
    BadInputError
        If there is no run, or it can't be read.
    """
    folder = Path(folder)
    streams = read_manifest(folder).streams
    camera = streams.get(stream)
    frames = np.empty(0, FRAMES)
    if camera is not None and camera.events is not None:
        frames = _frames_in(folder / camera.path)
    logs = {name: folder / streams[name].path for name in (EVENT_LOG, STIMULATIONS, DOSES) if name in streams}
    numbers = {name: _numbers_in(path) for name, path in logs.items()}
    logged = numbers.get(EVENT_LOG, np.empty(0, np.int64))
    return frames, logged, numbers.get(STIMULATIONS), numbers.get(DOSES)


def _numbers_in(rows: Path) -> NDArray[np.int64]:
    """Return the events of the rows that lie there, most of them once; none if nothing was stored yet."""
    parts = iter_rows(rows, ["number"]) if rows.is_dir() else ()
    return np.concatenate([np.empty(0, np.int64), *(np.unique(part["number"]) for part in parts)])


def _frames_in(images: Path) -> NDArray[np.void]:
    events = plan_in(images)[1].newest
    axes = "".join(axis for axis in "tcz" if axis in events.axes)
    found = [np.empty(0, FRAMES)]
    for p, image in enumerate(image_folders(images, events)):
        places, rows = EventHeaders(image / HEADERS, axes).stored()
        frames = np.zeros(len(rows), FRAMES)
        frames["p"] = p
        for axis, at in zip(axes, places.T, strict=True):
            frames[axis] = at
        for name in _TOLD:
            frames[name] = rows[:, HEADER_COLUMNS.index(name)]
        found.append(frames)
    return np.concatenate(found)
