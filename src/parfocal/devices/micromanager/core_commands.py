"""What the service that has a core offers to the services of its other devices, and to anybody who asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError, DeviceTimeoutError
from parfocal.core.modulation import pack_mask, unpack_mask
from parfocal.devices.camera import CameraHost
from parfocal.devices.micromanager.core import Core
from parfocal.devices.micromanager.core_devices import Value
from parfocal.devices.micromanager.core_presets import PresetValue
from parfocal.ipc import URGENT, command, current_call

if TYPE_CHECKING:
    from parfocal.devices.micromanager.camera import CoreCamera

_LOOK_S = 0.002
_ARRIVES_WITHIN_NS = 10_000_000_000


class CorePlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stage of that label stands, um, along x and y or its one axis; and whether it is on its way."""

    stage: str
    position_um: tuple[float, ...]
    busy: bool


class CoreCommands(CameraHost):
    """Part of `CoreHost`. Each kind of device has a lane of its own: one that takes long delays no other."""

    device: CoreCamera

    @contextmanager
    def core(self) -> Iterator[Core]:
        """Lend the core, while no configuration is being loaded."""
        with self.device.load_lock.using():
            yield self.device.core

    @command(lane="read", effect="reads")
    def devices(self) -> dict[str, str]:
        """Return the devices that are loaded by label, and the library of each."""
        with self.core() as core:
            return core.libraries()

    @command(lane="read", effect="reads")
    def properties(self, device: str) -> dict[str, str]:
        """Return what the properties of a device stand at."""
        with self.core() as core:
            return core.properties(device)

    @command(lane="properties", effect="changes")
    def set_property(self, device: str, name: str, value: Value) -> str:
        """Set a property of a device other than the camera; returns what is read back."""
        with self.core() as core:
            if device == core.camera():
                raise BadInputError(f"{device!r} is the camera: set {name} by set_camera_property")
            return core.set_property(device, name, value)

    @command(lane="read", effect="reads")
    def config_groups(self) -> dict[str, dict[str, tuple[PresetValue, ...]]]:
        """Return the config groups, their presets, and what each sets."""
        with self.core() as core:
            return {group: core.presets(group) for group in core.groups()}

    @command(lane="read", effect="reads")
    def current_preset(self, group: str) -> str:
        """Return which preset of a group everything stands at; "" if none."""
        with self.core() as core:
            return core.current_preset(group)

    @command(lane="preset", effect="changes")
    def set_preset(self, group: str, preset: str) -> str:
        """Set a preset, and wait until its devices have arrived; returns it as it is read back."""
        with self.core() as core:
            core.begin_preset(group, preset)
            call, clock = current_call(), self.context.clock
            end_ns = clock.monotonic_ns() + _ARRIVES_WITHIN_NS
            while not core.preset_arrived(group, preset):
                if clock.monotonic_ns() >= end_ns:
                    raise DeviceTimeoutError(f"preset {preset!r} of {group!r} has not arrived within 10 s")
                call.wait(_LOOK_S)
            return preset

    @command(lane="preset", effect="changes")
    def begin_preset(self, group: str, preset: str) -> bool:
        """Close all shutters and begin to set a preset; returns whether everything has arrived by now."""
        with self.core() as core:
            core.close_shutters()
            core.begin_preset(group, preset)
            return core.preset_arrived(group, preset)

    @command(lane="read", effect="reads")
    def preset_arrived(self, group: str, preset: str) -> bool:
        """Whether everything that a preset has set has arrived; an error if something reads otherwise."""
        with self.core() as core:
            return core.preset_arrived(group, preset)

    @command(lane="read", effect="reads")
    def stage_place(self, stage: str, axes: int) -> CorePlace:
        """Return where a stage of one or two axes stands, and whether it is on its way."""
        with self.core() as core:
            return _place(core, stage, axes)

    @command(lane="xy", effect="changes")
    def send_xy(self, stage: str, x_um: float, y_um: float) -> CorePlace:
        """Send an XY stage, for "" the core's own; returns where it stands once its adapter returns."""
        with self.core() as core:
            core.move(core.stage(stage, 2), (x_um, y_um))
            return _place(core, stage, 2)

    @command(lane="z", effect="changes")
    def send_z(self, stage: str, z_um: float) -> CorePlace:
        """Send a stage of one axis, for "" the focus; returns where it stands once its adapter returns."""
        with self.core() as core:
            core.move(core.stage(stage, 1), (z_um,))
            return _place(core, stage, 1)

    @command(lane=URGENT, effect="stops")
    def halt_stage(self, stage: str, axes: int) -> None:
        """Stop a stage of one or two axes where it is."""
        with self.core() as core:
            core.halt(core.stage(stage, axes))

    @command(lane="read", effect="reads")
    def shutter(self, name: str = "") -> str:
        """Return the label of the shutter of that name; of the core's own for ""."""
        with self.core() as core:
            return core.shutter(name)

    @command(lane="read", effect="reads")
    def shutter_is_open(self, name: str = "") -> bool:
        """Whether a shutter is open; for "" whether any is."""
        with self.core() as core:
            return core.shutter_is_open(name)

    @command(lane="shutter", effect="changes")
    def open_shutter(self, name: str = "") -> bool:
        """Open a shutter, for "" the core's own; returns what is read back."""
        with self.core() as core:
            core.set_shutter(name, not self.context.stopping.is_set())
            return core.shutter_is_open(name)

    @command(lane=URGENT, effect="stops")
    def close_shutter(self, name: str = "") -> bool:
        """Close a shutter, for "" all of them; returns what is read back."""
        with self.core() as core:
            core.set_shutter(name, False)
            return core.shutter_is_open(name)

    @command(lane="read", effect="reads")
    def slm(self, name: str = "") -> str:
        """Return the label of the light modulator of that name; of the core's own for ""."""
        with self.core() as core:
            return core.slm(name)

    @command(lane="read", effect="reads")
    def slm_shape(self, slm: str) -> tuple[int, int]:
        """Return the pixels of a light modulator, (y, x)."""
        with self.core() as core:
            return core.slm_shape(slm)

    @command(lane="slm", effect="changes")
    def show_on_slm(self, slm: str, pattern: bytes, level: int) -> None:
        """Show a packed pattern on a light modulator, `level` where it is lit."""
        with self.core() as core:
            lit = unpack_mask(pattern, core.slm_shape(slm))
            core.show_on_slm(slm, (lit > 0) * np.uint8(level))

    @command(lane="slm", effect="reads")
    def shown_on_slm(self, slm: str) -> bytes | None:
        """Return what a light modulator shows, packed, if its adapter tells that; None if it does not."""
        with self.core() as core:
            shown = core.shown_on_slm(slm)
            return None if shown is None else pack_mask((shown > 0).astype(np.uint8))


def _place(core: Core, stage: str, axes: int) -> CorePlace:
    """Return where a stage stands; it is asked first whether it is on its way."""
    label = core.stage(stage, axes)
    busy = core.busy(label)
    return CorePlace(stage=label, position_um=core.position(label, axes), busy=busy)
