"""What the panels of beads share: regions, references, newest rows, traces, and which bead is selected."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from parfocal.app.desktop.bead_rows import is_bad
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.trace_store import TraceStore
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamError
from parfocal.core.frames import FrameSpec
from parfocal.processes import directory
from parfocal.streams import open_stream
from parfocal.viewers.panes import Marker
from parfocal.viewers.regions import bead_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.analysis.beads.verdicts import BeadVerdict
    from parfocal.app.desktop.followers import RowFollower
    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session
    from parfocal.rig.snapshots import RigSnapshot

_LOOKS_EVERY_NS = 25_000_000
_MARKS_EVERY_NS = 200_000_000


def tracker_of(snapshot: RigSnapshot) -> str:
    """Return the service that tracks beads: the one whose workers, NAME-1 and so on, write rows; "" if none.

    Examples
    --------
    >>> from parfocal.core.status import ProcessStatus, RigStatus, StreamStatus
    >>> from parfocal.rig.snapshots import RigSnapshot
    >>> services = {name: ProcessStatus(name=name, state="ready") for name in ("camera", "beads-1", "beads")}
    >>> rows = StreamStatus(name="beads-1", kind="rows", produced=0, abandoned=0, slots=8, writer_pid=9)
    >>> status = RigStatus(name="lab", pid=1, state="running", services=services, streams={"beads-1": rows})
    >>> tracker_of(RigSnapshot(rig=status))
    'beads'
    """
    services, streams = snapshot.rig.services, snapshot.rig.streams
    workers = {name: f"{name}-1" for name in services}
    return next((name for name, worker in workers.items() if worker in services and worker in streams), "")


class BeadBoard:
    """The beads of a rig as a window shows them; `EditableRegions`, and more. For the thread of the window.

    It follows the rig only while panels call `refresh`.

    Attributes
    ----------
    tracker : str
        The service that has the regions.
    selected : int or None
        The bead that a person has selected in this window.
    centers : dict of int to (float, float)
        Middle x, y of the region of each bead, pixels.
    size_px : float
        Edge of a region.
    traces : TraceStore
        The newest rows of all beads.
    frames : FrameSpec or None
        What the frames that are tracked look like.
    request : Request or None
        The newest change of regions that was asked for.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.tracker = tracker_of(session.snapshot())
        self.selected: int | None = None
        self.centers: dict[int, tuple[float, float]] = {}
        self.size_px = 0.0
        self.traces = TraceStore()
        self.frames: FrameSpec | None = None
        self.request: Request | None = None
        self.regions = ServicePoll(session, self.tracker, "list_rois", every_s=2.0)
        self.drift = ServicePoll(session, self.tracker, "drift")
        self.judged = ServicePoll(session, self.tracker, "verdicts", every_s=1.0)
        self._rows: RowFollower | None = None
        self._looked_ns = 0
        self._taken: Any = None
        self._marked: tuple[tuple[object, ...], tuple[Marker, ...]] = ((), ())

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether a rig tracks beads."""
        return bool(tracker_of(snapshot))

    @property
    def camera(self) -> str:
        """Which stream of frames is tracked; "" while nobody has told."""
        return str((self.session.settings(self.tracker) or {}).get("frames", ""))

    @property
    def pixel_size_um(self) -> float | None:
        """Of the camera whose frames are tracked; None while nobody knows."""
        return None if self.frames is None else self.frames.pixel_size_um

    @property
    def frame_bytes(self) -> int | None:
        """Of a frame that is tracked; None while nobody knows."""
        return None if self.frames is None else self.frames.nbytes

    @property
    def references(self) -> tuple[int, ...]:
        """The beads that tell the drift."""
        return () if self.drift.value is None else tuple(self.drift.value.references)

    @property
    def verdicts(self) -> dict[int, BeadVerdict]:
        """What each bead is good for; {} where that can't be told."""
        return {verdict.bead: verdict for verdict in self.judged.value or ()}

    def refresh(self) -> None:
        """Take in what is new. Called by all panels at each of their turns: the first one does it."""
        now_ns = SYSTEM_CLOCK.monotonic_ns()
        if now_ns - self._looked_ns < _LOOKS_EVERY_NS:
            return
        self._looked_ns = now_ns
        self.regions.refresh()
        self.drift.refresh()
        self.judged.refresh()
        if self.regions.value is not self._taken:
            self._taken = self.regions.value
            self._take_regions(self._taken)
        self._take_rows()
        if self.frames is None and self.camera:
            self._look_at_frames()

    def markers(self) -> tuple[Marker, ...]:
        """Return a marker for each region, of the kind that a row of the last moment says."""
        now = self.selected, id(self.centers), self.references, self._looked_ns // _MARKS_EVERY_NS
        if self._marked[0] != now:
            self._marked = (now, self._new_markers())
        return self._marked[1]

    def _new_markers(self) -> tuple[Marker, ...]:
        references, verdicts = set(self.references), self.verdicts
        return tuple(
            Marker(
                bead,
                x,
                y,
                self.size_px,
                self._kind(bead, verdicts.get(bead), reference=bead in references),
                selected=bead == self.selected,
                reference=bead in references,
            )
            for bead, (x, y) in self.centers.items()
        )

    def select_at(self, x_px: float, y_px: float) -> bool:
        """Select the bead at a point; return whether there is one."""
        bead = self.at(x_px, y_px)
        self.selected = self.selected if bead is None else bead
        return bead is not None

    def at(self, x_px: float, y_px: float) -> int | None:
        """Return the bead whose region holds a point; None if there is none."""
        return bead_at(self.centers, self.size_px, x_px, y_px)

    def add(self, x_px: float, y_px: float) -> None:
        """Ask for a region around a point."""
        self.ask("add_roi", x_px=x_px, y_px=y_px)

    def move(self, bead: int, x_px: float, y_px: float) -> None:
        """Ask that a region goes to a point."""
        self.ask("move_roi", bead=bead, x_px=x_px, y_px=y_px)

    def remove(self, bead: int) -> None:
        """Ask that a bead's region goes."""
        self.ask("remove_roi", bead=bead)

    def toggle_reference(self, bead: int) -> None:
        """Ask that a bead tells the drift, or no longer."""
        others = [known for known in self.references if known != bead]
        self.ask("set_references", beads=others if bead in self.references else [*others, bead])

    def ask(self, command: str, **arguments: Any) -> Request:
        """Ask the tracker for a change, and look soon at what it did."""
        self.request = self.session.ask(self.tracker, command, **arguments).then(lambda _: self._look_soon())
        return self.request

    def close(self) -> None:
        """Leave the stream of rows."""
        if self._rows is not None:
            self._rows.close()

    def _look_soon(self) -> None:
        self.regions.soon()
        self.drift.soon()

    def _take_regions(self, rois: Any) -> None:
        self.centers = {roi.bead: (roi.x_px, roi.y_px) for roi in rois.rois}
        self.size_px = float(rois.roi_px)
        if self.selected not in self.centers:
            self.selected = next(iter(self.centers), None)
        if len(self.traces.newest) > len(self.centers):
            self.traces.keep(set(self.centers))

    def _take_rows(self) -> None:
        settings: Mapping[str, Any] = self.session.settings(self.tracker) or {}
        if self._rows is None and settings.get("tracks"):
            self._rows = self.session.rows(settings["tracks"])
        if self._rows is not None and (rows := self._rows.take()) is not None:
            self.traces.add(rows)

    def _look_at_frames(self) -> None:
        """Learn what the frames look like, once they are there."""
        with suppress(StreamError):
            spec = open_stream(directory.shm_folder(self.session.rig), self.camera).spec
            self.frames = spec if isinstance(spec, FrameSpec) else None

    def _kind(self, bead: int, verdict: BeadVerdict | None, *, reference: bool) -> str:
        row = self.traces.newest.get(bead)
        if row is None:
            return "untracked"
        bad = verdict is not None and is_bad(verdict, reference=reference)
        return "flagged" if row["flags"] or bad else "good"
