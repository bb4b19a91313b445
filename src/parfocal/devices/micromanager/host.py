"""The service that has a core of Micro-Manager: its camera, and what the services of its devices ask."""

from __future__ import annotations

from itertools import dropwhile

import msgspec

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.frames import FrameHeader
from parfocal.core.sequences import ExpectedSequence, SequenceLimits
from parfocal.devices.camera import CameraConfig
from parfocal.devices.micromanager.camera import CoreCamera
from parfocal.devices.micromanager.core_commands import CoreCommands
from parfocal.devices.snap import SnapRequest
from parfocal.ipc import URGENT, command, current_call
from parfocal.processes import LOOP


class CoreConfig(CameraConfig):
    """Settings of the service that has a core; its `options` name the configuration."""

    device: str = "micromanager-camera"


class CoreHost(CoreCommands):
    """Owns a core in a process of its own, in which its native threads end, too.

    Its camera is that of any host. Its stages, shutters, presets and light modulators are services of their
    own, which reach them here by commands.
    """

    Config = CoreConfig
    settings: CoreConfig

    @command(lane="read", effect="reads")
    def sequence_limits(self, stage: str = "", xy_stage: str = "", group: str = "") -> SequenceLimits:
        """Return how many frames a sequence may have, and through what its devices say that they step."""
        with self.core() as core:
            if not self.device.takes_sequences:
                return SequenceLimits()
            has_z, has_xy = core.has_stage(stage, 1), core.has_stage(xy_stage, 2)
            return SequenceLimits(
                frames=self.settings.slots // 2,
                heights=core.most_heights(core.stage(stage, 1)) if has_z else 0,
                places=core.most_places(core.stage(xy_stage, 2)) if has_xy else 0,
                channels=core.most_stepped(group) if group in core.groups() else 0,
                exposures=core.most_exposures(),
            )

    @command(lane="snap", effect="changes")
    def take_sequence(self, expected: ExpectedSequence) -> list[FrameHeader | None]:
        """Take a frame for each event in one sequence, in which the devices step that it names.

        Returns the headers, None for a frame that was lost; of a sequence that was cut those until then.
        Needs the camera for itself, as `snap` for an event does.
        """
        with self.core() as core:
            label = core.stage(expected.stage, 1) if expected.heights_um else ""
            xy_label = core.stage(expected.xy_stage, 2) if expected.places_um else ""
        call, frames = current_call(), self.device.frames
        wanted_ms = next(iter(expected.exposures_ms), self.device.exposure_ms())
        expected = msgspec.structs.replace(expected, stage=label, xy_stage=xy_label)
        frames.expect(expected, call.id)
        request = SnapRequest(count=len(expected.events), exposure_ms=wanted_ms)
        snap = self._snaps.ask(request, self.context.clock.monotonic_ns())
        self.context.wake()
        try:
            snap.wait(call)
        except BaseException as error:
            self._snaps.give_up(snap, self._snap_camera)
            frames.forget(call.id)
            self.context.wake()
            is_over = frames.took_for(call.id) and (frames.is_whole or frames.was_cut)
            if not isinstance(error, DeviceError) or not is_over:
                raise
        came = {header.event: header for header in snap.headers}
        headers = [came.get(event) for event in expected.events]
        return _without_last_missing(headers) if frames.was_cut else headers

    @command(lane=URGENT, effect="stops")
    def cut_sequence(self, call: str, at_once: bool = False) -> None:
        """Have the call of `take_sequence` with that id end after the exposure under way, or without it."""
        self.device.frames.cut(call, at_once=at_once)

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
            self.memory.forget()
        finally:
            self.follow_shape()
            if was_live:
                self.start()
        return device.core.libraries()


def _without_last_missing(headers: list[FrameHeader | None]) -> list[FrameHeader | None]:
    """Return headers up to the last that is there: what follows was never exposed."""
    known = list(dropwhile(lambda header: header is None, reversed(headers)))
    return known[::-1]
