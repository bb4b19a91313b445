"""A process that makes live forces: ``python -m parfocal.analysis.force.live_worker``.

It reads the rows of the tracker and of the magnet from their streams, answers through its stdout, and ends
when its stdin does: so it never outlives its service.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from parfocal.analysis.force.extension import ExtensionCurves, ForceOfTime, curves_of, height_column
from parfocal.analysis.force.live_force import CameraScale, live_rows
from parfocal.analysis.force.live_messages import LiveAsk, LiveFound, LiveSetup
from parfocal.analysis.force.live_records import EXTENSION_DTYPE
from parfocal.analysis.force.live_settings import Anchor
from parfocal.analysis.force.magnet_table import MagnetTable
from parfocal.analysis.force.traces import FEWEST_HEIGHTS, TraceWindow
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError, ParfocalError
from parfocal.core.frames import FrameSpec
from parfocal.ipc.message_pipe import MessageReader, MessageWriter, PipeClosedError
from parfocal.streams import follow_lossless, open_stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.analysis.force.traces import Traces

_MAGNET_ROWS = 1 << 16
_LOWEST = 0.01
_SAME_FORCE = 0.01
"""A magnet that changed the force by less than this part of it stood still."""


class LiveForceWorker:
    """What the worker does with each message. One thread.

    Parameters
    ----------
    setup : LiveSetup
        Where its streams are.
    """

    def __init__(self, setup: LiveSetup) -> None:
        self._setup = setup
        self._streams = Path(setup.streams)
        self._tracks = follow_lossless(self._streams, setup.tracks, "drop", since="start")
        self._magnet = follow_lossless(self._streams, setup.magnet, "drop", since="start")
        self._window = TraceWindow(0.0)
        self._stood = np.zeros((2, 0))
        self._curves: tuple[int, int, ExtensionCurves] | None = None

    def answer(self, ask: LiveAsk) -> LiveFound:
        """Take in what is new, and return new forces."""
        begin_s = SYSTEM_CLOCK.monotonic_s()
        force = self._force(ask)
        self._take_rows(ask, force)
        there = set(self._window.beads()).difference(ask.references)
        own = tuple(sorted(there if ask.beads is None else there.intersection(ask.beads)))
        found = LiveFound()
        if own:
            found = self._found(ask, own, force)
        took_s = SYSTEM_CLOCK.monotonic_s() - begin_s
        return LiveFound(
            rows=found.rows, points=found.points, fits=found.fits, surfaces=found.surfaces, took_s=took_s
        )

    def _found(self, ask: LiveAsk, beads: tuple[int, ...], force: ForceOfTime | None) -> LiveFound:
        traces = self._window.traces({*beads, *ask.references}, ask.physics.axis, self._still_since_ns(force))
        curves = self._curves_of(ask)
        points = [curves.grown(bead, ask.anchors.get(bead)) for bead in beads] if ask.rows else []
        return LiveFound(
            rows=self._rows(ask, traces, force) if ask.rows else LiveFound().rows,
            points=np.concatenate([np.zeros(0, EXTENSION_DTYPE), *points]),
            fits=curves_of(curves, ask.fits, ask.physics, ask.anchors),
            surfaces=_lowest(traces.beads, traces.z_nm, ask.physics.z_sign) if ask.lowest else {},
        )

    def _rows(self, ask: LiveAsk, traces: Traces, force: ForceOfTime | None) -> NDArray[Any]:
        expected = np.nan if force is None else float(force.at(np.array([traces.time_ns]))[0])
        return live_rows(
            traces,
            CameraScale(self._pixel_nm(), ask.exposure_s),
            ask.physics,
            anchors=ask.anchors,
            references=ask.references,
            expected_pn=expected,
        )

    def _take_rows(self, ask: LiveAsk, force: ForceOfTime | None) -> None:
        """Take in rows of all beads: one that is chosen later has its motion of before."""
        self._window.window_s = ask.window_s
        curves = self._curves_of(ask)
        while (rows := self._tracks.poll()) is not None:
            self._window.add(rows)
            if force is not None:
                curves.add(rows, force)

    def _force(self, ask: LiveAsk) -> ForceOfTime | None:
        """Return the force at any moment, by where the magnet was told to stand; None without a table."""
        while (rows := self._magnet.poll()) is not None:
            height = rows[height_column(rows.dtype, self._setup.axis)]
            told = np.stack([rows["time_ns"].astype(np.float64), height])
            self._stood = np.concatenate([self._stood, told], axis=1)[:, -_MAGNET_ROWS:]
        if not ask.heights:
            return None
        return ForceOfTime(MagnetTable(ask.heights, ask.forces_pn), *self._stood)

    def _still_since_ns(self, force: ForceOfTime | None) -> int:
        """Return since when the force is what it is now; 0 if that is not known."""
        if force is None or not self._stood.size:
            return 0
        times_ns = self._stood[0].astype(np.int64)
        pull = force.at(times_ns)
        other = ~(np.abs(pull / pull[-1] - 1) < _SAME_FORCE)
        return int(times_ns[other][-1]) if other.any() and np.isfinite(pull[-1]) else 0

    def _curves_of(self, ask: LiveAsk) -> ExtensionCurves:
        """Return the curves, begun anew where that was asked for."""
        if self._curves is None or self._curves[:2] != (ask.curves, ask.physics.z_sign):
            self._curves = (ask.curves, ask.physics.z_sign, ExtensionCurves(ask.physics.z_sign))
        return self._curves[2]

    def _pixel_nm(self) -> float:
        spec = open_stream(self._streams, self._setup.frames).spec
        size_um = spec.pixel_size_um if isinstance(spec, FrameSpec) else None
        if not size_um:
            raise BadInputError(f"the frames of {self._setup.frames!r} tell no pixel size: set pixel_size_um")
        return float(size_um) * 1e3


def _lowest(beads: tuple[int, ...], z_nm: NDArray[np.float64], z_sign: int) -> dict[int, Anchor]:
    """Return the mean of the lowest hundredth of each bead's heights: where one that touches touches."""
    found: dict[int, Anchor] = {}
    for bead, own in zip(beads, z_nm.T, strict=True):
        heights = np.sort(z_sign * own[np.isfinite(own)])
        few = heights[: int(_LOWEST * heights.size)]
        if heights.size >= FEWEST_HEIGHTS:
            found[bead] = Anchor(z_sign * float(few.mean()), float(few.std()))
    return found


def main() -> None:
    """Answer until stdin ends."""
    answers = MessageWriter(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    asked: MessageReader[Any] = MessageReader(
        os.fdopen(0, "rb", buffering=0, closefd=False), LiveSetup | LiveAsk
    )
    with suppress(PipeClosedError):
        worker = LiveForceWorker(cast("LiveSetup", asked.receive()))
        while True:
            answers.send(_answered(worker, cast("LiveAsk", asked.receive())))


def _answered(worker: LiveForceWorker, ask: LiveAsk) -> LiveFound:
    try:
        return worker.answer(ask)
    except ParfocalError as error:
        return LiveFound(problem=str(error))


if __name__ == "__main__":
    main()
