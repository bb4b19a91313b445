"""Tweezers in one process on a clock that jumps: camera, focus, tracker and locks, ten minutes in seconds."""

from __future__ import annotations

import numpy as np

from parfocal.analysis.beads.assignment import Assignment, CameraNoise
from parfocal.analysis.beads.commands.regions import RegionCommands
from parfocal.analysis.beads.field import FieldTracker
from parfocal.analysis.beads.regions import Regions
from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.beads.versions import RoiVersions
from parfocal.analysis.locks.xy_lock import XYLock
from parfocal.analysis.locks.z_lock import ZLock
from parfocal.core.frames import RowSpec
from parfocal.core.protocols import Camera
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.devices.simulated.world import World
from parfocal.devices.stage import StageHost
from parfocal.ipc import ServiceProxy
from parfocal.processes import Service
from parfocal.streams import StreamWriter, open_stream
from parfocal.testing.clock import JumpClock
from parfocal.testing.local_rig import LocalRig
from parfocal.tracking import ZTableBuilder, save_tables

FIELD = {
    "width_px": 288, "height_px": 96, "beads": 3, "stuck": 1.0, "image_px": 64, "spacing_px": 90.0, "dust": 0,
    "unevenness": 0.0, "depth_nm": 1500.0, "frame_rate_hz": 10.0, "exposure_ms": 20.0, "seed": 5,
}  # fmt: skip
LIMITS = {"low_nm": -800.0, "high_nm": 800.0}
ROI_PX = 48
NOISE = CameraNoise(gain_e_per_adu=1.0, offset_adu=2.0, read_noise_e=8.0)


class LocalTracker(RegionCommands, Service):
    """The commands of a tracker for its regions, which one `FieldTracker` goes by."""

    def open(self, context):
        """Begin without any region."""
        rois = RoiSet(roi_px=ROI_PX, width_px=FIELD["width_px"], height_px=FIELD["height_px"])
        self.field = FieldTracker(Assignment(owner=1, rois=rois, noise=NOISE))
        self.regions = Regions(
            Assignment(owner=1, rois=rois, noise=NOISE),
            self.assign,
            RoiVersions(context.streams / "versions", 1),
            lambda numbers, version: None,
        )

    def assign(self, assignment):
        """Track by another assignment."""
        if not self.field.move(assignment):
            self.field.close()
            self.field = FieldTracker(assignment)
        return lambda: None

    def close(self):
        """End the tracker."""
        self.field.close()


class VirtualTweezers:
    """Everything; `run` takes frames, has them tracked, and lets the locks do their steps after each."""

    def __init__(self, folder, **field):
        self.clock = JumpClock(monotonic_ns=7_000_000_000)
        self.folder = folder
        self.rig = LocalRig(folder, self.clock)
        self.focus = self.rig.add("focus", StageHost, {"device": "simulated-focus", "options": LIMITS})
        self.tracker = self.rig.add("tracker", LocalTracker, {})
        self.service = self.rig.services["tracker"]
        self.context = DeviceContext(clock=self.clock, folder=folder)
        self.world = World.of(self.context)
        self.camera = make_device("simulated-camera", {**FIELD, **field}, self.context, Camera)
        self.camera.open()
        self.frame = np.zeros(self.camera.spec.shape, self.camera.spec.dtype)
        self.writer = StreamWriter(folder, "tracks", RowSpec.of(TRACK_DTYPE), 1 << 14)
        self.locks, self.readers = [], {}
        self.tracks_on = True
        self.camera.start()
        self._find()

    def add_lock(self, name, kind, **settings):
        """Add a lock, and return its client."""
        client = self.rig.add(name, kind, settings)
        self.locks.append(name)
        self.readers[name] = open_stream(self.folder, name.replace("lock", "corrections")).lossless("drop")
        return ServiceProxy(client)

    def z_lock(self, **settings):
        return self.add_lock("z_lock", ZLock, **settings)

    def xy_lock(self, **settings):
        return self.add_lock("xy_lock", XYLock, **settings)

    def take(self):
        """Expose a frame, and return its header."""
        return self.camera.read_into(self.frame, 100.0)

    def run(self, seconds):
        """Run for so long; return what was true after each frame: mean height of the beads, (frames,)."""
        heights = []
        end_ns = self.clock.monotonic_ns() + round(seconds * 1e9)
        while self.clock.monotonic_ns() < end_ns:
            self.header = header = self.take()
            if self.tracks_on:
                self.write_rows(header)
            heights.append(self.camera.ground_truth(header.frame)["z_nm"].mean())
            for lock in self.locks:
                self.rig.step(lock)
        return np.array(heights)

    def write_rows(self, header):
        field = self.service.field
        tracked = field.track(self.frame)
        rows = np.zeros(len(tracked), TRACK_DTYPE)
        for name in tracked.dtype.names:
            rows[name] = tracked[name]
        rows["frame"], rows["time_ns"], rows["bead"] = header.frame, header.time_ns, field.beads
        rows["roi_version"] = field.version
        self.writer.write_rows(rows)

    def corrections(self, lock="z_lock"):
        """Return the rows of corrections since the last asking."""
        rows = self.readers[lock].poll()
        return np.zeros(0, self.readers[lock].spec.numpy_dtype) if rows is None else rows

    def move_focus(self, position_nm):
        """Move the focus as somebody at its knob does: past the service."""
        self.world.move("focus_nm", position_nm, self.clock.monotonic_ns())

    def focus_nm(self):
        return self.world.position("focus_nm", self.clock.monotonic_ns())

    def _find(self):
        """Put a region around each bead, and make the z tables by a sweep."""
        header = self.take()
        self.truth = truth = self.camera.ground_truth(header.frame)
        middles = list(zip(truth["x_px"].tolist(), truth["y_px"].tolist(), strict=True))
        self.tracker.call("add_rois", middles)
        self.middles = dict(enumerate(middles))
        rois = self.service.regions.assignment.rois
        builder = ZTableBuilder(
            ROI_PX, len(middles), step_nm=100.0, gain_e_per_adu=1.0, offset_adu=2.0, read_noise_e=8.0
        )
        for plane in np.arange(-1000.0, 1001.0, 100.0):
            self.move_focus(plane)
            for _ in range(3):
                self.take()
                builder.add(self.frame, rois.corners(), z_nm=plane)
        self.move_focus(0.0)
        tables = builder.finish()
        save_tables(self.folder / "tables.npz", tables)
        self.service.regions.set_tables(self.folder / "tables.npz", rois.beads, tables.hash)

    def close(self):
        for reader in self.readers.values():
            reader.close()
        self.camera.close()
        self.rig.close()
        self.writer.close()
