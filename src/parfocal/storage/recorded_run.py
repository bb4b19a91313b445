"""A recorded run as one object: its frames by index, its rows, its events, and how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, nearest
from parfocal.core.frames import RowSpec
from parfocal.storage.analysed import is_of_pipeline, phase_names, with_names
from parfocal.storage.catalogue import NOT_BEGUN, UNREADABLE, has_not_begun, list_runs
from parfocal.storage.event_documents import image_folders
from parfocal.storage.event_timing import EventTiming, timing_of
from parfocal.storage.less_drift import less_drift, less_motion_of
from parfocal.storage.manifest import FILE_NAME, Manifest, read_manifest
from parfocal.storage.reading import read_array
from parfocal.storage.recorded_frames import Choice, RecordedFrames, RecordedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EVENT_LOG = "run_events"
"""The stream in which whoever carries out a plan tells what became of each event."""
STIMULATIONS, DOSES = "stimulations", "doses"
"""The streams in which a run with a pipeline tells of each stimulus, and of the light that each cell got."""
MADE_OF_IMAGES = ("labels", "masks")
"""Streams of frames that no camera made: to be named by whoever wants them."""
_KINDS = {"frames": ("frames", "events"), "rows": ("rows",)}


class RecordedRun:
    """What lies in the folder of a run, while it is recorded or later. Made by `open_run`.

    Everything is read when it is asked for, so each answer is as new as the record.

    Attributes
    ----------
    folder : Path
        Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        manifest = self.manifest
        held = ", ".join(f"{stream.stored} of {name}" for name, stream in manifest.streams.items())
        return f"<run {manifest.run}: {manifest.seen}; {held}>"

    @property
    def manifest(self) -> Manifest:
        """The record: what was asked, what was done, with which settings and versions, and how it ended."""
        return read_manifest(self.folder)

    @property
    def outcome(self) -> str:
        """How it ended: "recording" if it goes on, "unknown: not closed" if its recorder is gone."""
        return self.manifest.seen

    def frames(
        self,
        stream: str = "",
        *,
        t: Choice = None,
        p: Choice = None,
        c: Choice = None,
        z: Choice = None,
    ) -> RecordedFrames:
        """Return frames by their index, as they are on the disk now; their pixels are read when used.

        Parameters
        ----------
        stream : str
            Which stream of frames, where the run holds several: that of a camera, or what a pipeline made of
            its images, "labels" and "masks", which have t and p alone.
        t, p, c, z : int, slice, range, sequence of int, str or None
            Which time points, positions, channels and planes; None for all. Negative ones count from the end
            of what there is. A position or a channel may be given by its name. Frames that follow one another
            without a plan have t alone.

        Raises
        ------
        BadInputError
            If the run holds no frames, or nothing can be at such an index.

        Examples
        --------
        ``for frame in run.frames(p="left", c=0): frame.index, frame.header.time_ns, frame.data`` goes through
        what was acquired there. ``np.asarray(run.frames(t=-1, p=0, c=0, z=0))`` is one image (y, x),
        and ``run.frames(p=0, c=0).array()`` all of them (t, z, y, x), with 0 where there is none.
        """
        manifest = self.manifest
        name = self._one(manifest, "frames", stream)
        record = manifest.streams[name]
        folder = self.folder / record.path
        if record.events is None:
            return RecordedFrames([RecordedImage(folder, "t")], None, {"t": t, "p": p, "c": c, "z": z})
        axes = "".join(axis for axis in "tcz" if axis in record.events.axes)
        images = [RecordedImage(image, axes) for image in image_folders(folder, record.events)]
        return RecordedFrames(images, record.events, {"t": t, "p": p, "c": c, "z": z})

    def image_folders(self, stream: str = "") -> tuple[Path, ...]:
        """Return where the images of a stream of a plan lie, one for each position; raises as `frames`."""
        record = self.manifest.streams[self._one(self.manifest, "frames", stream)]
        if record.events is None:
            raise BadInputError(f"the frames of {stream!r} in {self.folder} have no positions")
        return tuple(image_folders(self.folder / record.path, record.events))

    def rows(self, stream: str = "") -> NDArray[Any]:
        """Return all rows of a stream as a structured array (n,); `parfocal.storage.iter_rows` for long ones.

        Raises
        ------
        BadInputError
            If the run holds no such rows, or several and none is named.
        """
        manifest = self.manifest
        record = manifest.streams[self._one(manifest, "rows", stream)]
        rows = read_array(self.folder / record.path)
        assert isinstance(record.spec, RowSpec)
        return rows if rows.dtype.names else np.empty(0, record.spec.numpy_dtype)

    def events(self) -> NDArray[Any]:
        """Return what became of each event of the plan, in the order of execution, a structured array (n,).

        Its columns are those of the stream "run_events": number and index, when it was scheduled and when it
        began, exposure, power and place as they were read back, and the number of its frame. Of an event that
        was carried out again in a recovery, as its frame was lost, it is the last time; `rows` has all.

        Raises
        ------
        BadInputError
            If the run has no such log: nobody carried out a plan then.
        """
        return newest_of_each(self.rows(EVENT_LOG))

    def timing(self) -> dict[str, EventTiming]:
        """Return how much later than predicted the events of each kind began; raises as `events`.

        Examples
        --------
        ``print(run.timing()["image"])`` tells "88 events: -10 ms at p50, +21 ms at p95 of what was predicted;
        100 % within 50 ms or 10 %".
        """
        return timing_of(self.events())

    def tracks(self) -> NDArray[Any]:
        """Return the cells of all images, over positions and phases, a structured array (n,).

        A row for each cell of each image: "number" of the event, "phase_id", "t", "p", "label", the
        "particle" that stays with the cell and the "parent" that it divided from, its place in the image (px)
        and on the stage (um), what the pipeline measured, and "position", "well" and "phase" by name.

        Raises
        ------
        BadInputError
            If the run holds no such rows: it had no pipeline, or one that does not save them.
        """
        return self._named("tracks")

    def tracks_less_drift(self, references: Sequence[int] = (), *, stream: str = "tracks") -> NDArray[Any]:
        """Return the rows of beads with the drift taken off, a structured array (n,).

        Parameters
        ----------
        references : sequence of int
            Beads that are stuck to the glass: their common motion is fitted to all frames together, and has a
            mean of 0. Without any, the drift is taken off that the tracker told while it was recorded
            (`set_references`).
        stream : str
            Of the tracks.

        Returns
        -------
        structured ndarray
            The rows as they were recorded, but for ``x_px``, ``y_px`` and ``z_nm``: NaN in frames whose drift
            is not known.

        Raises
        ------
        BadInputError
            If the run has no such rows, or neither references nor a drift were given; if a reference has no
            rows.
        """
        tracks = self.rows(stream)
        if references:
            return less_motion_of(tracks, references)
        drift = self.rows("drift") if "drift" in self.streams("rows") else tracks[:0]
        if not len(drift):
            raise BadInputError(
                f"{self.folder} holds no drift, as no references were set then; name beads that are stuck"
            )
        size_um = self.pixel_size_um
        if size_um is None:
            raise BadInputError(f"the record {self.folder} does not tell the size of a pixel")
        return less_drift(tracks, drift, size_um * 1e3)

    @property
    def pixel_size_um(self) -> float | None:
        """Edge of a pixel, as the run or its camera's frames tell it; None if nobody does."""
        manifest = self.manifest
        camera = manifest.devices.get("camera")
        spec = camera.get("spec") if isinstance(camera, dict) else None
        stated = spec.get("pixel_size_um") if isinstance(spec, dict) else None
        size = manifest.pixel_size_um or stated
        return float(size) if size else None

    def stimulations(self) -> NDArray[Any]:
        """Return what became of each stimulus of a run with a pipeline, a structured array (n,).

        Which mask of which image, what was asked for, what was read back, and when. Raises as `tracks`.
        """
        return self._named(STIMULATIONS)

    def doses(self) -> NDArray[Any]:
        """Return how much light each cell got by each stimulus, a structured array (n,).

        "dose" is power x ms x the part of the cell that was lit; of stimuli without a mask there is none.
        Raises as `tracks`.
        """
        return self._named(DOSES)

    def streams(self, kind: str) -> dict[str, Path]:
        """Return where the streams of a kind ("frames" or "rows") lie, by name; events have frames, too."""
        return {
            name: self.folder / record.path
            for name, record in self.manifest.streams.items()
            if record.kind in _KINDS[kind]
        }

    def one_stream(self, kind: str, stream: str = "") -> Path:
        """Return where a stream of a kind lies: the one that is named, or the only one.

        Raises
        ------
        BadInputError
            If the run has none, or several and none is named, or none of that name.
        """
        return self.streams(kind)[self._one(self.manifest, kind, stream)]

    @property
    def doubt(self) -> str:
        """What whoever uses its data should know of how it ended; "" if it is complete."""
        manifest = self.manifest
        reason = f" ({manifest.reason})" if manifest.reason else ""
        return "" if manifest.seen == "complete" else f"the run it comes from is {manifest.seen!r}{reason}"

    def _named(self, stream: str) -> NDArray[Any]:
        """Return the rows of a stream that a pipeline wrote, with the names of position, well and phase."""
        rows = self.rows(stream)
        if not is_of_pipeline(rows):
            raise BadInputError(f"the {stream} of {self.folder} are not those of a pipeline: see rows()")
        manifest = self.manifest
        layouts = [record.events for record in manifest.streams.values() if record.events is not None]
        plans = [self.folder / plan.file for plan in manifest.plans]
        if not layouts:
            return with_names(rows, (), phase_names(plans))
        channels = max((layout.channels for layout in layouts), key=len)  # labels and masks have none
        return with_names(rows, layouts[0].positions, phase_names(plans), channels)

    def _one(self, manifest: Manifest, kind: str, stream: str) -> str:
        found = [name for name, record in manifest.streams.items() if record.kind in _KINDS[kind]]
        acquired = [name for name in found if name not in MADE_OF_IMAGES]
        if stream:
            if stream not in found:
                raise BadInputError(
                    f"{self.folder} has no {kind} of a stream {stream!r}; {nearest(stream, found)}"
                )
            return stream
        if len(acquired) != 1:
            held = ", ".join(manifest.streams) or "nothing"
            stated = f"{kind} of {', '.join(found)}: name one stream" if found else f"no {kind}, but {held}"
            raise BadInputError(f"the run {self.folder} holds {stated}")
        return acquired[0]


def newest_of_each(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the last row of each number, in their order.

    Examples
    --------
    >>> rows = np.array([(0, 1.0), (1, 2.0), (0, 3.0)], [("number", int), ("started_s", float)])
    >>> newest_of_each(rows).tolist()
    [(1, 2.0), (0, 3.0)]
    """
    _, from_the_end = np.unique(rows["number"][::-1], return_index=True)
    if len(from_the_end) == len(rows):
        return rows
    return rows[np.sort(len(rows) - 1 - from_the_end)]


def open_run(folder: Path | str) -> RecordedRun:
    """Open the record of a run, of a plan or of a measurement, also while it is recorded.

    An OME-Zarr that another program has written opens as well, as far as it goes: with its images, labels and
    tables, and what is missing in ``manifest.missing``. A record of what was found in the images of another
    one opens with these, as long as that one is where it was.

    Parameters
    ----------
    folder : path
        Of the run, such as ``runs/2026-03-01T14-05-09_beads``; or of an OME-Zarr, or one that holds it.

    Raises
    ------
    BadInputError
        If there is no run, or nothing of it had begun; names those that lie there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        beside = [path.name for path in _runs_in(folder.parent)]
        hint = f"; {nearest(folder.name, beside)}" if beside else ""
        raise BadInputError(f"there is no folder {folder}{hint}")
    if not is_run(folder):
        from parfocal.storage.foreign.run import ForeignRun, zarr_in  # which knows this module

        if zarr_in(folder) is not None:
            return ForeignRun(folder)
        if has_not_begun(folder):
            raise BadInputError(
                f"nothing of the run in {folder} has begun: there is no record of it. "
                "Start it again; the folder can be removed"
            )
        inside = [path.name for path in _runs_in(folder)]
        hint = (
            f"name one of the {len(inside)} runs in it, such as {inside[-1]}" if inside else "it holds none"
        )
        if len(inside) == 1:
            hint = f"name the run in it, {inside[0]}"
        raise BadInputError(f"{folder} is not the folder of a run: {hint}")
    from parfocal.storage.reprocessed_run import REPROCESS, ReprocessedRun  # which knows this module

    plan = read_manifest(folder).plan
    return ReprocessedRun(folder) if plan.get("type") == REPROCESS else RecordedRun(folder)


def is_run(path: Path) -> bool:
    """Whether a folder is that of a recorded run."""
    return (path / FILE_NAME).is_file()


def _runs_in(parent: Path) -> list[Path]:
    """Return the runs in a folder of which there is a record that can be read."""
    known = list_runs(parent) if parent.is_dir() else ()
    return [
        Path(run.folder)
        for run in known
        if run.outcome != NOT_BEGUN and not run.outcome.startswith(UNREADABLE)
    ]
