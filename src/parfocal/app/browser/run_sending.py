"""Runs, sent to a viewer as a whole: followed while they go on, else as recorded. For the sending process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parfocal.app.browser.rows import ImageRow
from parfocal.core.errors import ParfocalError
from parfocal.processes import directory
from parfocal.rig.opening import attach
from parfocal.rig.viewing import show_file, show_run
from parfocal.storage import RecordedRun, open_run
from parfocal.storage.foreign.run import has_labels
from parfocal.viewers import Viewer

_ZARR = "OME-Zarr"


def whole_runs(rows: Sequence[ImageRow]) -> list[RecordedRun]:
    """Return the runs, and OME-Zarr with labels, of which all positions are among `rows`."""
    found = dict.fromkeys(row.source for row in rows if row.kind in ("run", _ZARR))
    labelled = {row.source for row in rows if row.kind == _ZARR and row.source in found}
    folders = [one for one in found if one not in labelled or has_labels(Path(one))]
    runs = [open_run(folder) for folder in folders]
    return [run for run in runs if sum(row.source == str(run.folder) for row in rows) == positions_of(run)]


def positions_of(run: RecordedRun) -> int:
    """Return how many positions the images of a plan have; 0 of a run whose frames follow one another."""
    layouts = [record.events for record in run.manifest.streams.values() if record.events is not None]
    return layouts[0].size("p") if layouts else 0


def show_whole(run: RecordedRun, viewer: Viewer) -> str:
    """Show a run: its images with cells, masks and tracks; one that goes on in a rig is followed."""
    if run.outcome == "recording" and (stated := _followed(run, viewer)):
        return stated
    return show_file(run.folder, viewer)


def _followed(run: RecordedRun, viewer: Viewer) -> str:
    """Follow a run, and return what is shown; "" if no rig of this user knows it."""
    rig_name = run.manifest.rig
    if rig_name not in {record.rig for record in directory.rigs()}:
        return ""
    try:
        with attach(rig_name) as rig:
            for name, status in rig.runs.statuses().items():
                if status.folder and Path(status.folder).resolve() == run.folder.resolve():
                    return show_run(rig.runs[name], viewer)
    except ParfocalError:  # it has ended in this moment: shown as recorded
        return ""
    return ""
