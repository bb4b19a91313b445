"""The presets of a core's config groups: set without a change of frames, and read back value by value."""

from __future__ import annotations

from typing import NamedTuple

from parfocal.core.errors import BadInputError, DeviceError, nearest
from parfocal.devices.micromanager.core_camera import CoreFrames, told_format
from parfocal.devices.micromanager.core_devices import is_same
from parfocal.devices.micromanager.library import asking


class PresetValue(NamedTuple):
    """One of the values of a preset: which property of which device it sets."""

    device: str
    property: str
    value: str


class CorePresets(CoreFrames):
    """Part of `Core`."""

    def presets(self, group: str) -> dict[str, tuple[PresetValue, ...]]:
        """Return the presets of a config group by name, and what they set."""
        groups = self.groups()
        if group not in groups:
            raise BadInputError(f"there is no config group {group!r}; {nearest(group, groups)}")
        with asking(f"tell the presets of {group!r}"):
            return {name: self._values(group, name) for name in self.mmc.getAvailableConfigs(group)}

    def groups(self) -> tuple[str, ...]:
        """Return the names of the config groups."""
        with asking("tell its config groups"):
            return tuple(self.mmc.getAvailableConfigGroups())

    def current_preset(self, group: str) -> str:
        """Return which preset of a group everything stands at; "" if none."""
        with asking(f"tell the current preset of {group!r}"):
            return str(self.mmc.getCurrentConfig(group))

    def begin_preset(self, group: str, preset: str) -> None:
        """Begin to set a preset; what frames look like may not change by that."""
        known = self.presets(group)
        if preset not in known:
            raise BadInputError(f"group {group!r} has no preset {preset!r}; {nearest(preset, known)}")
        before = self.frame_format() if self.mmc.getCameraDevice() else None
        with asking(f"set the preset {preset!r} of {group!r}"):
            self.mmc.setConfig(group, preset)
        if before is not None and (now := self.frame_format()) != before:
            raise DeviceError(
                f"the preset {preset!r} of {group!r} has changed the frames from {told_format(before)} to "
                f"{told_format(now)}"
            )

    def preset_arrived(self, group: str, preset: str) -> bool:
        """Whether the devices of a preset have arrived; `DeviceError` if one reads another value."""
        values = self._values(group, preset)
        if any(self.busy(each.device) for each in values if each.device != "Core"):
            return False
        with asking(f"read the preset {preset!r} of {group!r} back"):
            found = [(each, str(self.mmc.getProperty(each.device, each.property))) for each in values]
        wrong = [
            f"{each.property} of {each.device!r} reads {made!r} instead of {each.value!r}"
            for each, made in found
            if not is_same(each.value, made)
        ]
        if wrong:
            raise DeviceError(f"the preset {preset!r} of {group!r} was set, and {', '.join(wrong)}")
        return True

    def _values(self, group: str, preset: str) -> tuple[PresetValue, ...]:
        with asking(f"tell the preset {preset!r} of {group!r}"):
            data = self.mmc.getConfigData(group, preset, native=True)
            settings = [data.getSetting(place) for place in range(data.size())]
            return tuple(
                PresetValue(each.getDeviceLabel(), each.getPropertyName(), each.getPropertyValue())
                for each in settings
            )
