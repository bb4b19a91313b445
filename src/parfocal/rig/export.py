"""``parfocal export``: a recorded run for programs that know neither Zarr nor Parquet."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from parfocal.core.errors import AlreadyExistsError, BadInputError, MovieError
from parfocal.core.files import draft_of
from parfocal.core.frames import FrameSpec
from parfocal.formats import MovieOptions, open_movie
from parfocal.formats.write_tiff import TiffSeries, write_series, write_tiff
from parfocal.storage import iter_rows
from parfocal.storage.recorded_run import open_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from parfocal.storage import RecordedRun

Target = Literal["tiff", "csv"]
_KINDS: dict[Target, str] = {"tiff": "frames", "csv": "rows"}
_SUFFIXES: dict[Target, str] = {"tiff": ".ome.tif", "csv": ".csv"}


def export_run(
    folder: Path,
    to: Target,
    *,
    stream: str = "",
    out: Path | None = None,
    report: Callable[[str], None],
) -> list[Path]:
    """Write the frames of a run as OME-TIFF, or its rows as CSV; a file for each stream.

    Parameters
    ----------
    folder : Path
        Of the run.
    to : "tiff" or "csv"
        Frames, or rows.
    stream : str
        Only this one.
    out : Path, optional
        Folder for the files; ``export`` in the run's folder otherwise.
    report : callable
        Told what is being written.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BadInputError
        If there is no run, or nothing in it to write as that.
    AlreadyExistsError
        If one of the files is there; nothing is written then.
    """
    run = open_run(folder)
    kind = _KINDS[to]
    streams = {stream: run.one_stream(kind, stream)} if stream else run.streams(kind)
    if not streams:
        held = ", ".join(run.manifest.streams) or "nothing"
        raise BadInputError(f"the run {folder} holds no {kind}, but {held}")
    place = folder / "export" if out is None else out
    files = {name: place / f"{name}{_SUFFIXES[to]}" for name in streams}
    for file in files.values():
        if file.exists():
            raise AlreadyExistsError(f"{file} exists; name another folder with --out, or move it away")
    place.mkdir(parents=True, exist_ok=True)
    if to == "tiff" and not stream and "images" in run.manifest.missing:
        report(f"without images: {run.manifest.missing['images']}")
    for name, file in files.items():
        report(f"{name} -> {file}")
        if to == "tiff" and run.manifest.streams[name].events is not None:
            write_series(list(_positions(run, name)), file)
        elif to == "tiff":
            _export_frames(streams[name], file)
        else:
            write_csv(iter_rows(streams[name]), file)
    return list(files.values())


def write_csv(batches: Iterable[NDArray[Any]], file: Path) -> None:
    """Write structured rows as CSV with a line of column names; the file gets its name when it is whole."""
    draft = draft_of(file)
    try:
        with draft.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            for number, rows in enumerate(batches):
                if number == 0:
                    writer.writerow(rows.dtype.names or ())
                writer.writerows(rows.tolist())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _positions(run: RecordedRun, stream: str) -> Iterator[TiffSeries]:
    """Yield an image for each position of a plan, black where there is no frame."""
    record = run.manifest.streams[stream]
    events, spec = record.events, record.spec
    assert events is not None
    assert isinstance(spec, FrameSpec)
    for p in range(events.size("p")):
        frames = run.frames(p=p, stream=stream)
        named = events.positions[p].name if events.positions else ""
        stated: dict[str, Any] = {"Name": named or f"position {p}"}
        if events.z_step_um is not None:
            stated |= {"PhysicalSizeZ": events.z_step_um, "PhysicalSizeZUnit": "µm"}
        if events.channels:
            stated["Channel"] = {"Name": list(events.channels)}
        axes = "".join(axis for axis in frames.indices if axis != "p").upper() + "YX"
        yield TiffSeries(axes, frames.shape, frames.dtype, frames.planes(), spec.pixel_size_um, stated)


def _export_frames(image: Path, file: Path) -> None:
    try:
        with open_movie(image, MovieOptions(channel="all", position="all")) as movie:
            write_tiff(movie, file)
    except MovieError as error:
        raise BadInputError(f"frames: {error}") from error
