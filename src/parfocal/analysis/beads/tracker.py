"""The front of the tracker: it owns regions and tables, commands the workers, puts their rows in order."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from parfocal.analysis.beads.assignment import Assignment, CameraNoise, assignment_path, load_assignment
from parfocal.analysis.beads.collector import Collector
from parfocal.analysis.beads.ledger import TrackLedger
from parfocal.analysis.beads.newest import NewestFrame
from parfocal.analysis.beads.regions import Regions
from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.core.errors import BadInputError, CommandError, ConfigError, ServiceUnavailableError
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.ipc import command, current_call
from parfocal.processes import Service, ServiceContext
from parfocal.streams import StreamWriter, open_stream

if TYPE_CHECKING:
    from parfocal.ipc import Call

_STEP_S = 0.25
_REFRESH_S = 0.8  # below the second after which a step counts as hung
_GIVE_BACK_S = 10.0
_LOOK_S = 0.05


class TrackerConfig(BaseModel):
    """Settings of the tracker.

    Parameters
    ----------
    frames : str
        Stream of frames.
    tracks : str
        Name of the stream of rows (`TRACK_DTYPE`).
    workers : int
        How many processes track; their services are called like this one with -1, -2 ... behind.
    policy : "drop" or "block"
        Of the workers towards the camera: too slow, they lose frames, or hold it up.
    threads : int
        Of each worker.
    roi_px : int
        Edge of all regions: even, 8 to 256.
    gain_e_per_adu, offset_adu, read_noise_e : float
        Of the camera: they weigh pixels, and set the uncertainties and chi2.
    late_after_s : float
        How long the rows of other workers wait for those of a living one; a dead one is not waited for.
    slots : int
        Rows that the stream of tracks holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: str = "camera"
    tracks: str = "tracks"
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    policy: Literal["drop", "block"] = "drop"
    threads: Annotated[int, Field(ge=1)] = 1
    roi_px: Annotated[int, Field(ge=8, le=256, multiple_of=2)] = 64
    gain_e_per_adu: Annotated[float, Field(gt=0)] = 1.0
    offset_adu: float = 0.0
    read_noise_e: Annotated[float, Field(ge=0)] = 0.0
    late_after_s: Annotated[float, Field(gt=0)] = 2.0
    slots: Annotated[int, Field(ge=1024)] = 1 << 17


class TrackerService(Service):
    """Owns the beads' regions and tables; merges what its workers track into one stream of rows.

    Commands that change regions return when all workers that live go by them. What the workers need lies in a
    file, so that one that was started anew takes it up by itself.
    """

    Config = TrackerConfig
    settings: TrackerConfig

    def open(self, context: ServiceContext) -> None:
        """Attach to the frames and to the workers' rows."""
        self.context = context
        streams, settings = context.streams, self.settings
        self._workers = [f"{context.service}-{n + 1}" for n in range(settings.workers)]
        self._clients = {worker: context.connect(worker) for worker in self._workers}
        spec = open_stream(streams, settings.frames, timeout_s=10.0).spec
        if not isinstance(spec, FrameSpec):
            raise BadInputError(f"stream {settings.frames!r} holds rows, no frames")
        self._regions = Regions(self._first_assignment(spec), self._tell_workers)
        self._regions.assignment.save(assignment_path(streams, context.service))
        with ExitStack() as stack:
            self._newest = NewestFrame(streams, settings.frames)
            stack.callback(self._newest.close)
            tracks = StreamWriter(streams, settings.tracks, RowSpec.of(TRACK_DTYPE), settings.slots)
            stack.callback(tracks.close)
            ledger = TrackLedger(streams / f"{context.service}.counts", os.getppid())
            self._collector = Collector(
                streams, settings.frames, self._workers, tracks, ledger, context.clock,
                late_after_s=settings.late_after_s, failed=context.fail,
            )  # fmt: skip
            self._collector.start()
            stack.callback(self._collector.close)
            self._closing = stack.pop_all()

    def step(self) -> float | None:
        """Give up what does not come."""
        self._collector.look_after()
        return _STEP_S

    def settings_changed(self, old: TrackerConfig, new: TrackerConfig) -> None:
        """Take over the camera's noise; the rest stands in the workers' rings."""
        fixed = {"gain_e_per_adu", "offset_adu", "read_noise_e"}
        changed = {name for name in TrackerConfig.model_fields if getattr(old, name) != getattr(new, name)}
        if changed - fixed:
            raise ConfigError(
                f"{', '.join(sorted(changed - fixed))} can be changed by a restart of the rig alone"
            )
        self._regions.set_noise(_noise(new))

    def close(self) -> None:
        """Take what the workers left, and end the stream of tracks."""
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return regions, tables, and the ledger."""
        assignment = self._regions.assignment
        return {
            "rois": msgspec.to_builtins(assignment.rois),
            "tables": {
                "file": assignment.tables,
                "beads": list(assignment.table_beads),
                "hash": assignment.tables_hash,
            },
            "noise": msgspec.to_builtins(assignment.noise),
            "counts": self._collector.counts(),
        }

    def health_line(self) -> str:
        """Return the ledger in a line."""
        counts = self._collector.counts()
        return ", ".join(f"{value} {name}" for name, value in counts.items())

    @command(lane="rois")
    def add_roi(self, x_px: float, y_px: float) -> int:
        """Add a bead at x, y; returns its number."""
        return self._regions.change(lambda rois: rois.added([(x_px, y_px)])).beads[-1]

    @command(lane="rois")
    def add_rois(self, middles: list[tuple[float, float]]) -> list[int]:
        """Add beads at x, y; returns their numbers."""
        return (
            list(self._regions.change(lambda rois: rois.added(middles)).beads[-len(middles) :])
            if middles
            else []
        )

    @command(lane="rois")
    def move_roi(self, bead: int, x_px: float, y_px: float) -> None:
        """Move a bead's region."""
        self._regions.change(lambda rois: rois.moved(bead, x_px, y_px))

    @command(lane="rois")
    def remove_roi(self, bead: int) -> None:
        """Remove a bead."""
        self._regions.change(lambda rois: rois.removed(bead))

    @command(lane="rois")
    def clear_rois(self) -> None:
        """Remove all beads, and their tables."""
        self._regions.replace(RoiSet.cleared)

    @command(lane="rois")
    def renumber_rois(self) -> RoiSet:
        """Give the beads the numbers 0, 1, 2 ... in their order; tables stay with their beads."""
        return self._regions.renumber()

    @command(lane="rois")
    def list_rois(self) -> RoiSet:
        """Return all regions and their version."""
        return self._regions.assignment.rois

    @command(lane="rois")
    def load_rois(self, path: Path) -> RoiSet:
        """Replace all regions by those in a file; tables are forgotten."""
        return self._regions.replace(lambda rois: rois.loaded(path))

    @command(lane="rois")
    def save_rois(self, path: Path) -> None:
        """Write all regions to a file."""
        self._regions.assignment.rois.save(path)

    @command(lane="find")
    def find_beads(self, min_distance_px: int = 0, min_score: float = 0.7, most: int = 10_000) -> RoiSet:
        """Find beads in the newest frame, and add those that overlap no other; returns all regions.

        `min_distance_px` 0 takes the size of the regions.
        """
        distance = min_distance_px or self.settings.roi_px
        found = self._watch(self._any_worker("find", distance, min_score))
        places = [(float(row["x_px"]), float(row["y_px"])) for row in found]
        return self._regions.change(lambda rois: rois.added(rois.free_of(places)[:most]))

    @command(lane="tables")
    def build_tables(
        self,
        focus: str = "focus",
        z_min_nm: float = -1000.0,
        z_max_nm: float = 1000.0,
        step_nm: float = 100.0,
        frames_per_plane: int = 10,
        settle_s: float = 0.0,
    ) -> dict[str, Any]:
        """Make a z table of each bead by a focus sweep about where the focus stands; returns their quality.

        The regions are frozen meanwhile. Heights are positions of the focus relative to where it stood.
        Cancelled, the focus goes back and the tables stay as they were.
        """
        rois, path = self._regions.assignment.rois, self._tables_path("sweep")
        with self._regions.frozen("z tables are being made"):
            quality: dict[str, Any] = self._watch(
                self._any_worker(
                    "sweep", focus, z_min_nm, z_max_nm, step_nm, frames_per_plane, settle_s, rois, str(path)
                )
            )
        self._regions.set_tables(path, rois.beads, quality["hash"])
        return quality

    @command(lane="tables")
    def load_tables(self, path: Path) -> str:
        """Take z tables from a file, one for each bead in their order or one for all; returns their hash."""
        from parfocal.tracking import load_tables

        tables, rois = load_tables(path), self._regions.assignment.rois
        if tables.roi_px != rois.roi_px:
            raise BadInputError(f"{path} holds tables for regions of {tables.roi_px} px, not {rois.roi_px}")
        if len(tables) not in (1, len(rois.rois)):
            raise BadInputError(f"{path} holds {len(tables)} tables, but there are {len(rois.rois)} beads")
        kept = self._tables_path("loaded")
        shutil.copyfile(path, kept)
        self._regions.set_tables(kept, rois.beads if len(tables) > 1 else (), tables.hash)
        return tables.hash

    @command(lane="tables")
    def save_tables(self, path: Path) -> str:
        """Write the z tables to a file, in the order in which they were made; returns their hash."""
        assignment = self._regions.assignment
        if not assignment.tables:
            raise BadInputError("there are no z tables; make or load them first")
        shutil.copyfile(assignment.tables, path)
        return assignment.tables_hash

    @command(lane="tables")
    def clear_tables(self) -> None:
        """Forget the z tables: from then on z is NaN."""
        self._regions.set_tables(None, (), "")

    @command(lane="find")
    def overlay(self, path: Path) -> None:
        """Write a picture (PNG) of the newest frame with all regions."""
        from parfocal.analysis.beads.overlay import draw_overlay

        draw_overlay(self._newest.read().data, self._regions.assignment.rois, path)

    @command(lane="counts")
    def counts(self) -> dict[str, Any]:
        """Return how many frames were produced, tracked, dropped by reason, and are in flight."""
        return self._collector.counts()

    @command(lane="drain")
    def drain(self) -> dict[str, Any]:
        """Wait until every frame that was produced is tracked or dropped; returns the counts."""
        call = current_call()
        while (counts := self._collector.counts())["in_flight"]:
            call.check()
            self._collector.wait_for_news(_LOOK_S)
        return counts

    def _first_assignment(self, spec: FrameSpec) -> Assignment:
        """Return the assignment that a crash left behind, or an empty one."""
        owner = os.getppid()
        height, width = spec.shape[-2:]
        left = load_assignment(assignment_path(self.context.streams, self.context.service), owner)
        if left is not None and (left.rois.height_px, left.rois.width_px) == (height, width):
            return left
        rois = RoiSet(roi_px=self.settings.roi_px, width_px=width, height_px=height)
        return Assignment(owner=owner, rois=rois, noise=_noise(self.settings))

    def _tell_workers(self, assignment: Assignment) -> None:
        """Write the assignment, and wait until the workers go by it; a dead one will when it is back."""
        assignment.save(assignment_path(self.context.streams, self.context.service))
        calls = [client.submit("refresh", timeout_s=_REFRESH_S) for client in self._clients.values()]
        for call in calls:
            try:
                call.result()
            except CommandError as error:
                self.context.log.warning("%s has not taken up the regions yet: %s", call.service, error)
        self.context.publish("rois", assignment.rois)

    def _any_worker(self, name: str, *args: Any) -> Call:
        """Ask the first worker that is there."""
        for client in self._clients.values():
            try:
                client.ping()
            except CommandError:
                continue
            return client.submit(name, *args)
        raise ServiceUnavailableError(
            f"no worker of {self.context.service!r} is there", service=self.context.service
        )

    def _watch(self, asked: Call) -> Any:
        """Wait for a worker's answer, passing on its progress, and the wish to end."""
        call = current_call()
        asked.on_progress(lambda progress: call.progress(progress.fraction, progress.text, progress.data))
        try:
            while not asked.done():
                call.wait(_LOOK_S)
        except BaseException as error:
            with suppress(CommandError):
                asked.cancel(str(error))
                asked.exception(_GIVE_BACK_S)
            raise
        return asked.result()

    def _tables_path(self, kind: str) -> Path:
        streams, service = self.context.streams, self.context.service
        return streams / f"{service}.{kind}-{self.context.clock.monotonic_ns()}.tables"


def _noise(settings: TrackerConfig) -> CameraNoise:
    return CameraNoise(
        gain_e_per_adu=settings.gain_e_per_adu,
        offset_adu=settings.offset_adu,
        read_noise_e=settings.read_noise_e,
    )
