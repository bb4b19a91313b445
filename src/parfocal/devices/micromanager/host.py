"""The service that has a core of Micro-Manager: its camera, and what the services of its devices ask."""

from __future__ import annotations

from parfocal.core.errors import BadInputError
from parfocal.devices.camera import CameraConfig
from parfocal.devices.micromanager.camera import CoreCamera
from parfocal.devices.micromanager.core_commands import CoreCommands
from parfocal.ipc import command
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
