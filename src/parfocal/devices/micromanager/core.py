"""The core of Micro-Manager: all its devices. What is set is read back, and failures are errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.devices.micromanager.configuration import configuration_path, load_configuration
from parfocal.devices.micromanager.core_devices import Value
from parfocal.devices.micromanager.core_outputs import CoreOutputs
from parfocal.devices.micromanager.core_presets import CorePresets
from parfocal.devices.micromanager.mmcore import asking, new_core

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Core(CorePresets, CoreOutputs):
    """Owns a core, and asks it. Any thread; the core itself has a lock for the devices of each adapter.

    Parameters
    ----------
    adapters : str
        Folder of device adapters; "" for the one that is found.
    buffer_mb : float
        What its buffer of frames may take.
    """

    def __init__(self, adapters: str, buffer_mb: float) -> None:
        self.mmc = new_core(adapters)
        self._buffer_mb = buffer_mb
        self.path: Path | None = None

    def load(self, configuration: str, properties: Mapping[str, Mapping[str, Value]]) -> None:
        """Load a configuration, then set properties by device; its shutters are closed."""
        path = configuration_path(configuration, self.mmc.getDeviceAdapterSearchPaths())
        self.unload()  # a configuration that does not begin with a reset finds nothing initialized
        load_configuration(self.mmc, path)
        self.path = path
        with asking("set up its buffer"):
            self.mmc.setAutoShutter(False)  # whoever carries out a plan opens and closes it
            self.mmc.setCircularBufferMemoryFootprint(round(self._buffer_mb))
        for device, values in properties.items():
            for name, value in values.items():
                self.set_property(device, name, value)
        self.close_shutters()

    def unload(self) -> None:
        """Let go of all devices: their threads end."""
        with asking("let go of its devices"):
            self.mmc.unloadAllDevices()
