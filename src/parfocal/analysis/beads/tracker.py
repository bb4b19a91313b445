"""The coordinator of the tracker: owns regions and tables, commands the workers, orders their rows."""

from __future__ import annotations

import math
import os
import shutil
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from parfocal.analysis.beads.assignment import (
    Assignment,
    CameraNoise,
    FitSettings,
    assignment_path,
    load_assignment,
)
from parfocal.analysis.beads.collector import TrackCollector
from parfocal.analysis.beads.commands.drift import DriftCommands
from parfocal.analysis.beads.commands.regions import RegionCommands
from parfocal.analysis.beads.commands.tables import TableCommands
from parfocal.analysis.beads.commands.verdicts import VerdictCommands
from parfocal.analysis.beads.commands.video import VideoCommands
from parfocal.analysis.beads.commands.views import ViewCommands
from parfocal.analysis.beads.drift import DRIFT_DTYPE, DriftFeed
from parfocal.analysis.beads.flat import read_flat
from parfocal.analysis.beads.ledger import TrackLedger
from parfocal.analysis.beads.regions import Regions
from parfocal.analysis.beads.roi_video import RoiVideo
from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.beads.track_feed import TrackFeed, write_or_warn
from parfocal.analysis.beads.verdict_feed import VerdictFeed
from parfocal.analysis.beads.versions import RoiVersions
from parfocal.analysis.beads.workers import Workers
from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec, RowSpec, Sensor
from parfocal.ipc import command, current_call
from parfocal.processes import FixedSettings, Service, ServiceContext
from parfocal.streams import StreamWriter, open_stream

_STEP_S = 0.25
_LOOK_S = 0.05
_DRIFT_SLOTS = 1 << 12
_CHANGEABLE = {
    *("gain_e_per_adu", "offset_adu", "read_noise_e", "saturation_adu"),
    *("max_chi2", "tilted_light", "flat"),
    "verdict_window_s",
}
"""Settings that need no restart."""
_AT_RIG_START = ("workers", "frames", "profiles", "policy", "threads", "roi_px")
"""Settings that the workers are started with, and the size of regions that outlive the tracker's process."""


class TrackerConfig(BaseModel):
    """Settings of the tracker.

    Parameters
    ----------
    frames : str
        Stream of frames.
    tracks : str
        Name of the stream of rows (`TRACK_DTYPE`).
    profiles : str
        Name of the stream of the watched bead's profiles (`parfocal.analysis.beads.profile.PROFILE_DTYPE`).
    roi_video, roi_corners : str
        Names of the streams of the regions' video, and of where each of them lay (`start_roi_video`).
    drift : str
        Name of the stream of drift (`parfocal.analysis.beads.drift.DRIFT_DTYPE`), see `set_references`.
    workers : int
        How many processes track; their services are called like this one with -1, -2 ... behind.
    policy : "drop" or "block"
        Of the workers towards the camera: too slow, they lose frames, or hold it up.
    threads : int
        Of each worker.
    roi_px : int
        Edge of all regions: even, 8 to 256.
    gain_e_per_adu, offset_adu, read_noise_e, saturation_adu : float or None
        Of the camera: they weigh pixels, and set the uncertainties, chi2 and what counts as saturated. None:
        what the camera tells of itself; one electron a count and no noise if it tells nothing.
    max_chi2 : float
        Above it a row is flagged as a bad fit.
    tilted_light : bool
        Whether a plane of light is fitted to each region too; takes about three times as long.
    flat : path or None
        An image of an empty field, ``.npy`` or a picture, that is divided out.
    verdict_window_s : float
        Over how long the motion of beads is looked at for `verdicts`.
    late_after_s : float
        How long the rows of other workers wait for those of a living one; a dead one is not waited for.
    slots : int
        Rows that the stream of tracks holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: str = "camera"
    tracks: str = "tracks"
    profiles: str = "profiles"
    roi_video: str = "roi_video"
    roi_corners: str = "roi_corners"
    drift: str = "drift"
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    policy: Literal["drop", "block"] = "drop"
    threads: Annotated[int, Field(ge=1)] = 1
    roi_px: Annotated[int, Field(ge=8, le=256, multiple_of=2)] = 64
    gain_e_per_adu: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    offset_adu: Annotated[float, Field(allow_inf_nan=False)] | None = None
    read_noise_e: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    saturation_adu: Annotated[float, Field(gt=0)] | None = None
    max_chi2: Annotated[float, Field(gt=0)] = 1.2
    tilted_light: bool = False
    flat: Path | None = None
    verdict_window_s: Annotated[float, Field(ge=1, le=600)] = 10.0
    late_after_s: Annotated[float, Field(gt=0)] = 2.0
    slots: Annotated[int, Field(ge=1024)] = 1 << 17


class TrackerService(
    RegionCommands, TableCommands, DriftCommands, VerdictCommands, VideoCommands, ViewCommands, Service
):
    """Owns the beads' regions and tables; merges what its workers track into one stream of rows.

    What goes by those rows beside (drift, verdicts) looks at them in the loop's thread, four times a second.

    What the workers need lies in a file, so that one that was started anew takes it up by itself.
    """

    Config = TrackerConfig
    settings: TrackerConfig

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return the streams of tracks, of drift, and of the regions' video."""
        del service
        settings = self.settings
        return (settings.tracks, settings.drift, settings.roi_video, settings.roi_corners)

    def streams_read(self) -> dict[str, tuple[str, ...]]:
        """Return the stream of frames."""
        return {"frames": (self.settings.frames,)}

    def open(self, context: ServiceContext) -> None:
        """Attach to the frames and to the workers' rows."""
        self.context = context
        streams, settings = context.streams, self.settings
        self.workers = Workers(context, settings.workers)
        spec = open_stream(streams, settings.frames, timeout_s=10.0).spec
        if not isinstance(spec, FrameSpec):
            raise BadInputError(f"stream {settings.frames!r} holds rows, no frames")
        self._frames = spec
        self._versions = RoiVersions(streams / f"{context.service}.regions", os.getppid())
        with ExitStack() as stack:
            self._followers = self._open_followers(stack)
            self.regions = Regions(
                self._first_assignment(spec), self.workers.assign, self._versions, self._followers.renumber
            )
            self.regions.assignment.save(assignment_path(streams, context.service))
            self._open_tracks(stack)
            self.video = RoiVideo(
                streams, settings.frames, settings.roi_video, settings.roi_corners,
                kept=streams / f"{context.service}.video", owner=os.getppid(),
                rois=lambda: self.regions.assignment.rois, log=context.log,
            )  # fmt: skip
            stack.callback(self.video.close)
            self.video.go_on()
            self._closing = stack.pop_all()

    def _open_followers(self, stack: ExitStack) -> TrackFeed:
        """Make what goes by the rows that are published."""
        context, size_um = self.context, self._frames.pixel_size_um
        rows = StreamWriter(context.streams, self.settings.drift, RowSpec.of(DRIFT_DTYPE), _DRIFT_SLOTS)
        stack.callback(rows.close)
        pixel_nm = math.nan if size_um is None else size_um * 1e3
        self.drift_feed = DriftFeed(
            partial(write_or_warn, rows, context.log), context.streams / f"{context.service}.drift",
            os.getppid(), pixel_nm,
        )  # fmt: skip
        self.verdict_feed = VerdictFeed(
            context.clock, pixel_nm, self.settings.verdict_window_s, lambda: self.drift_feed.newest
        )
        return TrackFeed(self.drift_feed, self.verdict_feed)

    def _open_tracks(self, stack: ExitStack) -> None:
        """Begin to merge what the workers track."""
        context, settings = self.context, self.settings
        streams = context.streams
        tracks = StreamWriter(streams, settings.tracks, RowSpec.of(TRACK_DTYPE), settings.slots)
        stack.callback(tracks.close)
        stack.callback(self._followers.pass_on)
        ledger = TrackLedger(streams / f"{context.service}.counts", os.getppid())
        self._collector = TrackCollector(
            streams, settings.frames, self.workers.names, tracks, ledger, context.clock,
            published=self._followers.put, late_after_s=settings.late_after_s, failed=context.fail,
        )  # fmt: skip
        self._collector.start()
        stack.callback(self._collector.close)

    def step(self) -> float | None:
        """Give up what does not come; pass on what was published."""
        self._collector.look_after()
        self._followers.pass_on()
        return _STEP_S

    def fixed_settings(self) -> FixedSettings:
        """Return all but the camera's noise, how beads are fitted, and over how long they are judged."""
        fixed = [name for name in TrackerConfig.model_fields if name not in _CHANGEABLE]
        return {name: "rig" if name in _AT_RIG_START else "restart" for name in fixed}

    def settings_changed(self, old: TrackerConfig, new: TrackerConfig) -> None:
        """Take over the camera's noise, how beads are fitted, and over how long their motion is looked at."""
        del old
        self.verdict_feed.window_s = new.verdict_window_s
        self.regions.set_noise(_noise(new, self._frames), _fit(new, self._frames))

    def close(self) -> None:
        """Take what the workers left, and end the stream of tracks."""
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return regions, tables, drift, and the ledger; "missed" batches of rows told nothing of drift."""
        assignment = self.regions.assignment
        return {
            "rois": msgspec.to_builtins(assignment.rois),
            "tables": {
                "file": assignment.tables,
                "beads": list(assignment.table_beads),
                "hash": assignment.tables_hash,
            },
            "profile": self.watching(),
            "noise": msgspec.to_builtins(assignment.noise),
            "fit": msgspec.to_builtins(assignment.fit),
            "drift": msgspec.to_builtins(self.drift_feed.status),
            "missed": self._followers.missed,
            "counts": self._collector.counts(),
        }

    def losses(self) -> dict[str, int]:
        """Return how many frames were dropped, by reason."""
        dropped: dict[str, int] = self._collector.counts()["dropped"]
        return dropped

    def save_record(self, folder: Path, *, at_end: bool) -> None:
        """Write ``rois.json``, all versions of it, tables, flat field and, at the end, ``overlay.png``.

        The picture is the newest frame with all regions.
        """
        assignment = self.regions.assignment
        assignment.rois.save(folder / "rois.json")
        self._versions.save(folder / "rois_versions.json")
        if assignment.tables:
            shutil.copyfile(assignment.tables, folder / "tables.npz")
        if assignment.fit.flat:
            shutil.copyfile(assignment.fit.flat, folder / f"flat{Path(assignment.fit.flat).suffix}")
        if at_end and assignment.rois.rois:
            self.workers.ask("overlay", str(folder.absolute() / "overlay.png"))

    def health_line(self) -> str:
        """Return the ledger in a line."""
        counts = self._collector.counts()
        return ", ".join(f"{value} {name}" for name, value in counts.items())

    @command(lane="counts", effect="reads")
    def counts(self) -> dict[str, Any]:
        """Return how many frames were produced, tracked, dropped by reason, and are in flight.

        When none is in flight, the drift of all of them is in its stream, too.
        """
        counts = self._collector.counts()
        if not counts["in_flight"]:
            self._followers.pass_on()
        return counts

    @command(lane="counts", effect="reads")
    def row_counts(self) -> dict[str, int]:
        """Return how many rows of beads were published, and how many of them are usable."""
        return self._collector.row_counts()

    @command(lane="drain", effect="reads")
    def drain(self) -> dict[str, Any]:
        """Wait until every frame that was produced is tracked or dropped; returns the counts."""
        call = current_call()
        while (counts := self.counts())["in_flight"]:
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
        version = 0 if self._versions.newest is None else self._versions.newest.version + 1
        rois = RoiSet(roi_px=self.settings.roi_px, width_px=width, height_px=height, version=version)
        return Assignment(
            owner=owner, rois=rois, noise=_noise(self.settings, spec), fit=_fit(self.settings, spec)
        )


def _noise(settings: TrackerConfig, frames: FrameSpec) -> CameraNoise:
    """Return what the settings say of the camera, and what they leave open as the camera tells it."""
    sensor = frames.sensor or Sensor()
    stated = {
        "gain_e_per_adu": sensor.gain_e_per_adu,
        "offset_adu": sensor.offset_adu,
        "read_noise_e": sensor.read_noise_e,
        "saturation_adu": sensor.saturates_at,
    }
    chosen = {name: getattr(settings, name) for name in stated if getattr(settings, name) is not None}
    return CameraNoise(**(stated | chosen))


def _fit(settings: TrackerConfig, frames: FrameSpec) -> FitSettings:
    """Return how beads are fitted; `BadInputError` if the flat field cannot be used."""
    if settings.flat is not None:
        read_flat(settings.flat, frames.shape[-2:])
    return FitSettings(
        max_chi2=settings.max_chi2,
        tilted_light=settings.tilted_light,
        flat="" if settings.flat is None else str(settings.flat.absolute()),
    )
