"""The service that has a core of Micro-Manager: its camera, and what the services of its devices ask."""

from __future__ import annotations

import msgspec

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.frames import FrameHeader
from parfocal.devices.camera import CameraConfig
from parfocal.devices.micromanager.camera import CoreCamera
from parfocal.devices.micromanager.core_commands import CoreCommands
from parfocal.devices.micromanager.stepped_devices import ExpectedSequence
from parfocal.devices.snap import SnapRequest
from parfocal.ipc import command, current_call
from parfocal.processes import LOOP


class CoreConfig(CameraConfig):
    """Settings of the service that has a core; its `options` name the configuration."""

    device: str = "micromanager-camera"


class SequenceCounts(msgspec.Struct, frozen=True, kw_only=True):
    """For how many frames a camera, a stage and the presets of a group may go on by themselves."""

    frames: int = 0
    heights: int = 0
    channels: int = 0


class CoreHost(CoreCommands):
    """Owns a core in a process of its own, in which its native threads end, too.

    Its camera is that of any host. Its stages, shutters, presets and light modulators are services of their
    own, which reach them here by commands.
    """

    Config = CoreConfig
    settings: CoreConfig

    @command(lane="read", effect="reads")
    def sequence_limits(self, stage: str = "", group: str = "") -> SequenceCounts:
        """Return how many frames a sequence may have, and heights of a stage or presets of a group in it."""
        with self.core() as core:
            if not self.device.takes_sequences:
                return SequenceCounts()
            steps = core.has_stage(stage, 1)
            heights = core.most_heights(core.stage(stage, 1)) if steps else 0
            channels = core.most_stepped(group) if group in core.groups() else 0
        return SequenceCounts(frames=self.settings.slots // 2, heights=heights, channels=channels)

    @command(lane="snap", effect="changes")
    def take_sequence(
        self,
        events: list[int],
        exposure_ms: float | None,
        heights_um: list[float],
        presets: list[str],
        stage: str = "",
        group: str = "",
    ) -> list[FrameHeader | None]:
        """Take a frame for each event in one sequence, in which a stage or the presets of a group step.

        Returns the headers, None for a frame that was lost. Without heights the stage stays, without presets
        all else does. Needs the camera for itself, as `snap` for an event does.
        """
        with self.core() as core:
            label = core.stage(stage, 1) if heights_um else ""
        wanted_ms = self.device.exposure_ms() if exposure_ms is None else exposure_ms
        self.device.expect(
            ExpectedSequence(
                events=tuple(events),
                stage=label,
                heights_um=tuple(heights_um),
                group=group,
                presets=tuple(presets),
            )
        )
        request = SnapRequest(count=len(events), exposure_ms=wanted_ms)
        snap = self._snaps.ask(request, self.context.clock.monotonic_ns())
        self.context.wake()
        try:
            snap.wait(current_call())
        except BaseException as error:
            self._snaps.give_up(snap, self._snap_camera)
            self.context.wake()
            if not isinstance(error, DeviceError) or not self.device.is_whole:
                raise
        came = {header.event: header for header in snap.headers}
        return [came.get(event) for event in events]

    @command(lane=LOOP, effect="changes")
    def load_configuration(self, configuration: str) -> dict[str, str]:
        """Load another configuration; returns its devices. A live sequence ends before, and goes on after.

        One that does not load leaves the one that was loaded. It is for this process alone: the next start
        loads what the rig file names.
        """
        device: CoreCamera = self.device
        was_live = device.is_running()
        if was_live and self._counts.sequence_left is not None:
            raise BadInputError("the camera takes frames that were asked for: end that sequence first")
        if was_live:
            self.stop()
        try:
            self.check_may_reshape("load_configuration")
            device.load_configuration(configuration)
        finally:
            self.follow_shape()
            if was_live:
                self.start()
        return device.core.libraries()
