"""A focus sweep for z tables: per plane move, wait for arrival, take only frames exposed after that."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from parfocal.analysis.beads.field import flat_field
from parfocal.core.errors import (
    BadInputError,
    CommandError,
    StreamTimeoutError,
    TrackingError,
    UnknownCommandError,
)
from parfocal.tracking import ZTableBuilder, ZTables
from parfocal.tracking.build import LEAST_HEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parfocal.analysis.beads.assignment import Assignment
    from parfocal.analysis.beads.sweep_plan import SweepPlan
    from parfocal.core.frames import Frame
    from parfocal.ipc import CallContext, Client
    from parfocal.streams import LosslessReader

_LOOK_S = 0.002


def run_sweep(
    plan: SweepPlan,
    assignment: Assignment,
    focus: Client,
    frames: LosslessReader,
    call: CallContext,
    now_ns: Callable[[], int],
    *,
    pixel_size_um: float | None = None,
    settle_s: float = 0.0,
    move_timeout_s: float = 10.0,
    frame_timeout_s: float = 10.0,
) -> tuple[ZTables, tuple[int, ...]]:
    """Sweep the focus and make a table for each bead; whatever happens, the focus goes back.

    Heights in the tables are positions of the focus relative to where it stood at the beginning, times the
    plan's `index_factor`.

    Returns
    -------
    tables : ZTables
        In the order of the beads.
    beads : tuple of int
        Those that were seen at half of the heights; the others, such as an empty region, get no table.

    Raises
    ------
    BadInputError
        If the grid makes no sense, leaves the limits of the focus, or there are no regions.
    StreamTimeoutError
        If no frame comes.
    CancelledError, DeadlineError
        If the call ends before.
    """
    planes, corners = plan.planes_nm(), assignment.rois.corners()
    if not len(corners):
        raise BadInputError("there are no regions to make tables for; add or find beads first")
    home = _home_within_limits(plan, focus, move_timeout_s)
    builder = _builder(assignment, plan.height_nm(plan.step_nm), pixel_size_um)
    try:
        for number, plane in enumerate(planes.tolist()):
            call.progress(number / len(planes), f"plane {number + 1} of {len(planes)}: {plane:.0f} nm")
            move_focus(focus, home + plane, move_timeout_s, call)
            call.wait(settle_s)
            for frame in exposed_after(now_ns(), plan.frames, frames, frame_timeout_s):
                call.check()
                builder.add(frame.data, corners, z_nm=plan.height_nm(plane))
    finally:
        focus.call("move_to", home, timeout_s=move_timeout_s)
    call.progress(1.0, "making the tables")
    return _tables(builder, assignment, max(LEAST_HEIGHTS, len(planes) / 2))


def _home_within_limits(plan: SweepPlan, focus: Client, timeout_s: float) -> float:
    """Return where the focus stands, if the whole sweep lies within its limits."""
    try:
        home = float(focus.call("position", timeout_s=timeout_s))
        low, high = focus.call("limits", timeout_s=timeout_s)
    except UnknownCommandError as error:
        raise BadInputError(f"service {focus.service!r} is no stage: it has no {error.command!r}") from error
    plan.check_limits(home, (low, high), focus.service)
    return home


def _builder(assignment: Assignment, step_nm: float, pixel_size_um: float | None) -> ZTableBuilder:
    return ZTableBuilder(
        assignment.rois.roi_px,
        len(assignment.rois.corners()),
        step_nm=max(step_nm, 50.0),
        gain_e_per_adu=assignment.noise.gain_e_per_adu,
        offset_adu=assignment.noise.offset_adu,
        read_noise_e=assignment.noise.read_noise_e,
        flat=flat_field(assignment),
        pixel_size_um=pixel_size_um,
    )


def _tables(
    builder: ZTableBuilder, assignment: Assignment, least_heights: float
) -> tuple[ZTables, tuple[int, ...]]:
    """Return the tables of the beads that were seen at so many heights, and which beads they are."""
    seen = np.flatnonzero(builder.heights_seen() >= least_heights)
    if not seen.size:
        raise TrackingError("no tables from this sweep: no bead was seen at enough of its heights")
    rois = [assignment.rois.rois[place] for place in seen.tolist()]
    tables = replace(builder.finish(seen), beads=tuple((roi.bead, roi.x_px, roi.y_px) for roi in rois))
    return tables, tuple(roi.bead for roi in rois)


def move_focus(focus: Client, position_nm: float, timeout_s: float, call: CallContext) -> None:
    """Move the focus and wait until it has arrived; it halts if the call ends before."""
    move = focus.submit("move_to", position_nm, timeout_s=timeout_s)
    try:
        while not move.done():
            call.wait(_LOOK_S)
    except BaseException:
        with suppress(CommandError):
            move.cancel("the sweep ended")
        raise
    move.result()


def exposed_after(time_ns: int, count: int, frames: LosslessReader, timeout_s: float) -> Iterator[Frame]:
    """Lend the next `count` frames whose exposure began after `time_ns`."""
    taken = 0
    while taken < count:
        try:
            with frames.lease(timeout_s=timeout_s) as frame:
                if frame.header.time_ns - frame.header.exposure_ns >= time_ns:
                    taken += 1
                    yield frame
        except StreamTimeoutError as error:
            raise StreamTimeoutError(f"no frame came within {timeout_s} s; start the camera") from error
