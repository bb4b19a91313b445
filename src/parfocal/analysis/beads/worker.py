"""A worker of the tracker: tracks every k-th frame and sends its rows to the coordinator."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from parfocal.analysis.beads.assignment import Assignment, assignment_path, load_assignment
from parfocal.analysis.beads.feed import ProfileFeed
from parfocal.analysis.beads.field import FieldTracker, free_tracker
from parfocal.analysis.beads.finding import find_in_newest
from parfocal.analysis.beads.newest import NewestFrame
from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.rows import PART_DTYPE, begin_row, part_rows
from parfocal.analysis.beads.sweep_plan import SweepPlan
from parfocal.core.errors import BadInputError, StreamTimeoutError
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.ipc import command, current_call
from parfocal.processes import LOOP, Service, ServiceContext
from parfocal.streams import LosslessReader, Stream, StreamWriter, open_stream
from parfocal.tracking import find_beads, find_candidates, find_like, save_tables, warm_up

_WAIT_S = 0.1
_DRAIN_S = 1.0


class WorkerConfig(BaseModel):
    """Settings of a worker; the tracker's coordinator has the same for all.

    Parameters
    ----------
    coordinator : str
        Service that gives the regions and merges the rows.
    frames : str
        Stream of frames.
    profiles : str
        Stream of radial profiles of a watched bead, which the first worker writes.
    index, workers : int
        Which one of how many: worker j takes the frames j, j + workers, j + 2 workers ...
    policy : "drop" or "block"
        Too slow, it loses frames, which are counted; or it holds the camera up, for recordings.
    threads : int
        Threads that share a frame.
    slots : int
        Rows that wait for the coordinator.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    coordinator: str = "tracker"
    frames: str = "camera"
    profiles: str = "profiles"
    index: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(ge=1)] = 1
    policy: Literal["drop", "block"] = "drop"
    threads: Annotated[int, Field(ge=1)] = 1
    slots: Annotated[int, Field(ge=1024)] = 1 << 16


class TrackerWorker(Service):
    """Reads frames without a copy, tracks all regions, and writes rows (`PART_DTYPE`) for the coordinator."""

    Config = WorkerConfig
    settings: WorkerConfig

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return the stream of its rows, and of the first worker that of profiles."""
        return (service, self.settings.profiles) if self.settings.index == 0 else (service,)

    def open(self, context: ServiceContext) -> None:
        """Attach to the frames, load compiled code, and take up the assignment that there is."""
        self.context = context
        self._field: FieldTracker | None = None
        self._unsent = np.zeros(0, PART_DTYPE)
        stream = open_stream(context.streams, self.settings.frames, timeout_s=10.0)
        with ExitStack() as stack:
            spec = stream.spec
            if not isinstance(spec, FrameSpec):
                raise BadInputError(f"stream {self.settings.frames!r} holds rows, no frames")
            warm_up()
            self._newest = NewestFrame(context.streams, self.settings.frames)
            stack.callback(self._newest.close)
            self._writer = StreamWriter(
                context.streams, context.service, RowSpec.of(PART_DTYPE), self.settings.slots
            )
            stack.callback(self._writer.close)
            stack.callback(self._drop_field)
            self._feed = self._make_feed()
            if self._feed is not None:
                stack.callback(self._feed.close)
            self._reader = self._reader_of(stream)
            stack.callback(self._reader.close)
            self.refresh()
            self._closing = stack.pop_all()

    def step(self) -> float | None:
        """Track the next frame, or wait for it for a while."""
        with suppress(StreamTimeoutError):
            self._track_next(_WAIT_S)
        return 0.0

    def close(self) -> None:
        """Track what is left, if the camera has ended already; then end."""
        end_ns = self.context.clock.monotonic_ns() + round(_DRAIN_S * 1e9)
        with suppress(StreamTimeoutError):
            while self.context.clock.monotonic_ns() < end_ns:
                self._track_next(0.0)
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return the version of the regions it works by."""
        field = self._field
        return {
            "roi_version": None if field is None else field.version,
            "beads": 0 if field is None else len(field.beads),
            "failures": 0 if field is None else field.failures,
            "last_failure": "" if field is None else field.last_failure,
        }

    @command(lane=LOOP, effect="changes", script=False)
    def refresh(self) -> int:
        """Take up the regions and tables that the coordinator wrote; returns the version of the regions."""
        assignment = self._load()
        if assignment is None:
            return 0
        if self._field is None or not self._field.move(assignment):
            field = FieldTracker(assignment, self.settings.threads)
            self._drop_field()
            self._field = field
        if self._feed is not None:
            self._feed.follow(assignment)
        return assignment.rois.version

    @command(lane="find", effect="reads", script=False)
    def find(self, min_distance_px: int, min_score: float) -> NDArray[Any]:
        """Find beads in the newest frame, or the next that shows any; their x_px, y_px, score, best first."""
        with free_tracker(self._assigned()) as tracker:
            find = partial(find_beads, min_distance_px=min_distance_px, min_score=min_score, tracker=tracker)
            return find_in_newest(self._newest.read, find, current_call().wait)

    @command(lane="find", effect="reads", script=False)
    def find_candidates(self, min_distance_px: int) -> NDArray[Any]:
        """Return all places that may be beads in the newest frame; as `find`."""
        return find_candidates(self._newest.read().data, min_distance_px)

    @command(lane="find", effect="reads", script=False)
    def find_like(self, size_px: int, min_score: float, x_px: float, y_px: float) -> NDArray[Any]:
        """Find what looks like the square around x, y in the newest frame; returns as `find`."""
        return find_like(self._newest.read().data, x_px, y_px, size_px, min_score=min_score)

    @command(lane="find", effect="reads", script=False)
    def overlay(self, path: Path) -> None:
        """Write a picture of the newest frame with all regions, in the colours of their verdicts."""
        from parfocal.analysis.beads.overlay import draw_overlay

        assignment, frame = self._assigned(), self._newest.read()
        with closing(FieldTracker(assignment)) as field:
            flags = field.track(frame.data)["flags"]
        draw_overlay(frame.data, assignment.rois, flags, path)

    @command(lane="sweep", effect="changes", script=False)
    def sweep(
        self,
        focus: str,
        plan: SweepPlan,
        settle_s: float,
        rois: RoiSet,
        path: Path,
    ) -> dict[str, Any]:
        """Make z tables of these regions by a focus sweep, and save them at `path`; returns their quality."""
        from parfocal.analysis.beads.sweep import run_sweep

        assignment = msgspec.structs.replace(self._assigned(), rois=rois)
        stream = open_stream(self.context.streams, self.settings.frames)
        assert isinstance(stream.spec, FrameSpec)
        with self.context.connect(focus) as client, stream.lossless(policy="drop") as frames:
            tables, beads = run_sweep(
                plan, assignment, client, frames, current_call(), self.context.clock.monotonic_ns,
                pixel_size_um=stream.spec.pixel_size_um, settle_s=settle_s,
            )  # fmt: skip
        save_tables(path, tables)
        return {
            "beads": list(beads),
            "without": [bead for bead in rois.beads if bead not in beads],
            "usable_nm": tables.usable_nm.tolist(),
            "chi2": tables.chi2.tolist(),
            "hash": tables.hash,
        }

    def _make_feed(self) -> ProfileFeed | None:
        if self.settings.index:
            return None
        return ProfileFeed(self.context, self.settings.frames, self.settings.profiles)

    def _assigned(self) -> Assignment:
        assignment = self._load()
        if assignment is None:
            raise BadInputError(
                f"tracker {self.settings.coordinator!r} has not given this worker anything to do"
            )
        return assignment

    def _load(self) -> Assignment | None:
        path = assignment_path(self.context.streams, self.settings.coordinator)
        return load_assignment(path, os.getppid())

    def _track_next(self, timeout_s: float) -> None:
        """Track one frame; its rows are sent, or kept, before it is given back: none is lost in between.

        Raises
        ------
        StreamTimeoutError
            If there is no frame, or no room for the rows of the last one, within `timeout_s`.
        """
        self._send(timeout_s)
        with self._reader.lease(timeout_s=timeout_s) as frame:
            field = self._field
            beads = () if field is None else field.beads
            tracked = np.zeros(0, PART_DTYPE) if field is None else field.track(frame.data)
            if field is not None and field.advice:
                self.context.log.warning("%s", " ".join(field.advice.split()))
                field.advice = ""
            rows = part_rows(
                tracked,
                frame.header,
                beads,
                ring_ns=self._ring_ns,
                sequence=self._reader.position,
                roi_version=0 if field is None else field.version,
                worker_pid=os.getpid(),
            )
            self._unsent = np.concatenate([self._unsent, rows])
            with suppress(StreamTimeoutError):  # no other frame is tracked until the coordinator has room
                self._send(0.0)

    def _send(self, timeout_s: float) -> None:
        """Hand rows to the coordinator; what it has no room for is kept, and `StreamTimeoutError` raised."""
        try:
            self._writer.write_rows(self._unsent, timeout_s=timeout_s)
        except StreamTimeoutError as error:
            self._unsent = self._unsent[error.written :]
            raise
        self._unsent = self._unsent[:0]

    def _reader_of(self, stream: Stream) -> LosslessReader:
        settings = self.settings
        return stream.lossless(
            settings.policy,
            self.context.service,
            settings.workers,
            settings.index,
            follow=True,
            on_attach=self._begin_ring,
        )

    def _begin_ring(self, reader: LosslessReader) -> None:
        """Tell the coordinator where this worker begins in a ring of frames that it has just got to."""
        self._ring_ns = reader.created_ns
        begins = begin_row(ring_ns=self._ring_ns, sequence=reader.position, worker_pid=os.getpid())
        self._unsent = np.concatenate([self._unsent, begins])

    def _drop_field(self) -> None:
        if self._field is not None:
            self._field.close()
        self._field = None
