"""The presets of a core's config groups: set without a change of frames, and read back value by value."""

from __future__ import annotations

from typing import NamedTuple

from parfocal.core.errors import BadInputError, DeviceError, nearest
from parfocal.devices.micromanager.core_camera import CoreFrames, told_format
from parfocal.devices.micromanager.core_devices import is_same
from parfocal.devices.micromanager.mmcore import asking


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

    def most_stepped(self, group: str) -> int:
        """Return for how many frames the presets of a group may change, timed by the camera; 0 for none."""
        presets = self.presets(group)
        varying = self._varying(group, tuple(presets))
        lengths = [self._most_values(device, name) for device, name in varying]
        complete = all(len(values) == len(presets) for values in varying.values())
        return min(lengths, default=0) if complete else 0

    def stepped_values(self, group: str, presets: tuple[str, ...]) -> dict[tuple[str, str], list[str]]:
        """Return what each property that differs among presets is at each of them, by device and name."""
        varying = self._varying(group, tuple(dict.fromkeys(presets))) if presets else {}
        missing = [key for key, values in varying.items() if len(values) != len(set(presets))]
        if missing:
            device, name = missing[0]
            raise DeviceError(f"not all of {', '.join(sorted(set(presets)))} set {name} of {device!r}")
        return {key: [values[preset] for preset in presets] for key, values in varying.items()}

    def _varying(self, group: str, presets: tuple[str, ...]) -> dict[tuple[str, str], dict[str, str]]:
        """Return the values that differ among presets: by device and property, and then by preset."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        for preset in presets:
            for device, name, value in self._values(group, preset):
                found.setdefault((device, name), {})[preset] = value
        return {
            key: values
            for key, values in found.items()
            if len(values) < len(presets) or len(set(values.values())) > 1
        }

    def _most_values(self, device: str, name: str) -> int:
        with asking(f"tell whether {name} of {device!r} steps by itself"):
            if device == "Core" or not self.mmc.isPropertySequenceable(device, name):
                return 0
            return int(self.mmc.getPropertySequenceMaxLength(device, name))

    def _values(self, group: str, preset: str) -> tuple[PresetValue, ...]:
        with asking(f"tell the preset {preset!r} of {group!r}"):
            data = self.mmc.getConfigData(group, preset, native=True)
            settings = [data.getSetting(place) for place in range(data.size())]
            return tuple(
                PresetValue(each.getDeviceLabel(), each.getPropertyName(), each.getPropertyValue())
                for each in settings
            )
