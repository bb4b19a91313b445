"""``parfocal sweep``: z tables of all beads by a focus sweep."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from parfocal.cli.output import console
from parfocal.cli.run import carry_out
from parfocal.rig.rig import Rig
from parfocal.rig.sweep import SweepHandle

if TYPE_CHECKING:
    from parfocal.core.run_status import RunStatus
    from parfocal.runs.handle import RunHandle


def sweep(
    rig: str,
    *,
    start_nm: float = -1000.0,
    stop_nm: float = 1000.0,
    step_nm: float = 100.0,
    frames: int = 10,
    settle_s: float = 0.0,
    index_factor: float = 1.0,
    focus: str = "focus",
    tracker: str = "tracker",
    field: str = "",
    discard: bool = False,
    out: Path | None = None,
    name: str = "",
    json: bool = False,
) -> int:
    """Make a z table of each bead by a focus sweep, and have the tracker use them.

    It is a run as any other: `parfocal pause`, `resume` and `cancel` steer it. Ctrl-C cancels it: the focus
    goes back to where it was, and the tables stay as they were.

    Parameters
    ----------
    rig
        A running rig, with regions of beads; else a built-in one or a file.
    start_nm, stop_nm
        From where to where the focus goes, relative to where it stands; upwards or downwards.
    step_nm
        From plane to plane.
    frames
        How many images of each plane.
    settle_s
        How long to wait in each plane.
    index_factor
        By how much heights in the sample change for a change of the focus.
    focus, tracker
        Names of the services.
    field
        Have the tables remembered by this name.
    discard
        Only tell how good they would be.
    out
        Folder for the run's own new folder; by default where the rig's recorder puts its runs.
    name
        Of the run, and of its folder.
    json
        Print what it came to, and its final status, as one JSON object in the last line.

    Examples
    --------
    parfocal sweep tweezers --start-nm -1000 --stop-nm 3000 --frames 10

    parfocal sweep tweezers --field A --json
    """
    start = partial(
        Rig.sweep,
        start_nm=start_nm,
        stop_nm=stop_nm,
        step_nm=step_nm,
        frames=frames,
        settle_s=settle_s,
        index_factor=index_factor,
        focus=focus,
        tracker=tracker,
        folder="" if out is None else out,
        name=name,
    )

    def settle(handle: RunHandle, _: RunStatus) -> None:
        assert isinstance(handle, SweepHandle)
        if not (quality := handle.quality()):
            return
        if discard:
            handle.discard()
        else:
            handle.accept(field)
        shown, without = console(quiet=json), quality["without"]
        chi2 = sorted(quality["chi2"])
        told = f"{len(chi2)} tables, median chi2 {chi2[len(chi2) // 2]:.2f}"
        shown.print(Text(told + (f"; none for beads {without}" if without else "")))
        shown.print(
            Text("discarded" if discard else f"in use{f', remembered as {field!r}' if field else ''}")
        )

    return carry_out(rig, start, settle=settle, json=json)
