"""``parfocal plot``: the pictures of a recorded run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.analysis.beads.chart import draw_chart
from parfocal.analysis.beads.overlay import draw_overlay
from parfocal.analysis.beads.rois import saved_rois
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.core.errors import BadInputError, nearest
from parfocal.core.frames import RowSpec
from parfocal.formats import open_movie
from parfocal.rig.cell_chart import are_cells, draw_cells
from parfocal.rig.row_chart import draw_rows
from parfocal.storage import iter_rows, read_headers
from parfocal.storage.recorded_run import EVENT_LOG, RecordedRun, open_run
from parfocal.viewers.display import Display, colour
from parfocal.viewers.row_plots import number_columns
from parfocal.viewers.saving import save_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

REGIONS = "rois.json"
OVERLAY = "overlay.png"


def plot_run(
    folder: Path,
    *,
    stream: str = "",
    out: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Draw what a run holds; pictures that are there are replaced.

    ``tracks.png`` of tracks of beads, or of the ways of cells over their last images, ``STREAM.png`` of other
    rows over time, ``overlay.png`` of a frame with the regions that were tracked in it, and ``STREAM.png`` of
    the last frame of a stream without any. The log of events is drawn only if it is asked for.

    Parameters
    ----------
    folder : Path
        Of the run.
    stream : str
        Only of this one; which tracks, where it recorded those of several trackers.
    out : Path, optional
        Folder for the pictures; the run's own otherwise.
    report : callable
        Told what can't be drawn, as the images lie in another record that is not there.

    Returns
    -------
    list of Path
        The pictures.

    Raises
    ------
    BadInputError
        If there is no run, no such stream, or nothing that can be drawn.
    """
    run = open_run(folder)
    place = folder if out is None else out
    tracked = [name for name in run.manifest.streams if _holds_tracks(run, name)]
    without = run.manifest.missing.get("images", "")
    if stream and stream not in run.manifest.streams:
        known = without or nearest(stream, run.manifest.streams)
        raise BadInputError(f"{run.folder} has no stream {stream!r}; {known}")
    if without:
        report(f"without images: {without}")
    place.mkdir(parents=True, exist_ok=True)
    pictures = _draw_tracks(run, stream, place) if stream in tracked or (tracked and not stream) else []
    for name in [stream] if stream else [name for name in run.manifest.streams if name != EVENT_LOG]:
        if name in run.streams("rows") and name not in tracked:
            pictures += _draw_table(run, name, place / f"{name}.png")
        elif name in run.streams("frames") and place / OVERLAY not in pictures:
            pictures += _draw_last_image(run, name, place / f"{name}.png")
    if not pictures:
        raise BadInputError(f"the run {run.folder} holds nothing that can be drawn")
    return pictures


def _draw_tracks(run: RecordedRun, stream: str, place: Path) -> list[Path]:
    """Draw the tracks, and the beads in a frame if there is one."""
    rows = track_rows(run, stream)
    chart = place / "tracks.png"
    timed = bool(np.ptp(rows["time_ns"]) > 0)
    size_um = run.pixel_size_um
    size_nm = None if size_um is None else size_um * 1e3
    draw_chart(rows, chart, title=_title(run), pixel_size_nm=size_nm, seconds=timed)
    overlay = _draw_last_frame(run, rows, place / OVERLAY)
    return [chart, *([overlay] if overlay else [])]


def _draw_table(run: RecordedRun, name: str, path: Path) -> list[Path]:
    """Draw rows over time; nothing of those that belong to many beads, or hold no number."""
    spec = run.manifest.streams[name].spec
    if isinstance(spec, RowSpec) and are_cells(spec.numpy_dtype):
        return _draw_cells(run, name, path)
    batches = list(iter_rows(run.streams("rows")[name]))
    if not batches or "bead" in (batches[0].dtype.names or ()) or not number_columns(batches[0].dtype):
        return []
    draw_rows(np.concatenate(batches), path, title=f"{_title(run)}: {name}")
    return [path]


def _draw_cells(run: RecordedRun, name: str, path: Path) -> list[Path]:
    if not run.manifest.streams[name].stored:
        return []
    draw_cells(run, name, path, title=_title(run))
    return [path]


def _draw_last_image(run: RecordedRun, name: str, path: Path) -> list[Path]:
    """Draw the last frame of a stream as it looks, its contrast stretched."""
    if not run.manifest.streams[name].stored:
        return []
    with open_movie(run.streams("frames")[name]) as movie:
        save_picture(colour(movie.read(len(movie) - 1), Display()), path)
    return [path]


def _title(run: RecordedRun) -> str:
    return f"{run.manifest.run} ({run.manifest.seen})"


def track_rows(run: RecordedRun, stream: str = "", most: int = 1_000_000) -> NDArray[Any]:
    """Return the rows of tracks of a run, of long ones those of every second, third ... frame."""
    names = [name for name, _ in run.manifest.streams.items() if _holds_tracks(run, name)]
    if not stream and len(names) != 1:
        held = f"tracks in {', '.join(names)}: choose with --stream" if names else "no tracks of beads"
        raise BadInputError(f"the run {run.folder} holds {held}")
    name = stream or names[0]
    every = max(1, -(-run.manifest.streams[name].stored // most))
    parts = [rows[rows["frame"] % every == 0] for rows in iter_rows(run.streams("rows")[name])]
    rows = np.concatenate(parts) if parts else np.empty(0, TRACK_DTYPE)
    if not len(rows):
        raise BadInputError(f"the run {run.folder} holds no row of {name}: there is nothing to draw")
    return rows


def _holds_tracks(run: RecordedRun, name: str) -> bool:
    spec = run.manifest.streams[name].spec
    return isinstance(spec, RowSpec) and {"bead", "chi2", "flags"} <= {column for column, _ in spec.columns}


def _draw_last_frame(run: RecordedRun, rows: NDArray[Any], path: Path) -> Path | None:
    """Draw the last recorded frame that has rows; None if the run has no frames, or no regions."""
    images = {
        name: path
        for name, path in run.streams("frames").items()
        if run.manifest.streams[name].events is None
    }
    regions = run.folder / REGIONS
    if len(images) != 1 or not regions.exists():
        return None
    (image,) = images.values()
    numbers = read_headers(image)["frame"]
    numbers = numbers[numbers >= 0]
    shared = np.flatnonzero(np.isin(numbers, rows["frame"]))
    if not shared.size:
        return None
    with open_movie(image) as movie:
        frame = movie.read(int(shared[-1]))
    shown = rows[rows["frame"] == numbers[shared[-1]]]
    flags = dict(zip(shown["bead"].tolist(), shown["flags"].tolist(), strict=True))
    rois = saved_rois(regions)
    rois = msgspec.structs.replace(rois, rois=tuple(roi for roi in rois.rois if roi.bead in flags))
    draw_overlay(frame, rois, np.array([flags[bead] for bead in rois.beads], np.uint32), path)
    return path
