"""A laser, lamp or LED line of python-microscope."""

from __future__ import annotations

from typing import Any

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.limits import POWERS
from parfocal.devices.microscope.driver import DriverSettings, asking, enable
from parfocal.devices.microscope.driver_device import DriverDevice
from parfocal.devices.microscope.setting_values import Value
from parfocal.ipc import command


class DriverLight(DriverDevice):
    """A light source (a `parfocal.core.protocols.LightSource`): enabled with a power, disabled without.

    Opening it switches it off, as closing and `make_safe` do. A driver that is set to be triggered by a
    signal gives light only while that signal says so; its power is told as if it did.
    """

    Settings = DriverSettings
    kind = "LightSource"
    _times_made_safe = 0

    def limits(self) -> dict[str, tuple[float, float]]:
        """Return the least and the greatest power."""
        return {"fraction": POWERS}

    def power(self) -> float:
        """Return the power read back, 0 to 1; 0 while the driver is disabled."""
        driver = self._opened()
        with asking(self._named, "tell its power"):
            return float(driver.power) if driver.get_is_on() else 0.0

    def set_power(self, fraction: float) -> None:
        """Set the power, 0 to 1; 0 disables the driver. One that is made safe meanwhile stays off."""
        if not POWERS[0] <= fraction <= POWERS[1]:
            raise BadInputError(f"the power must lie from 0 to 1, not {fraction}")
        driver, before = self._opened(), self._times_made_safe
        if fraction == 0.0:
            self._switch_off(driver)
            return
        with asking(self._named, f"set its power to {fraction}"):
            driver.power = fraction
            if not driver.get_is_on():
                enable(driver, self._named)
        if self._times_made_safe != before:
            self._switch_off(driver)

    def make_safe(self) -> None:
        """Switch off. Any thread."""
        self._times_made_safe += 1
        driver = self._driver
        if driver is not None:
            self._switch_off(driver)

    @command(effect="changes")
    def set_driver_setting(self, name: str, value: Value) -> Value | None:
        """Set one of the driver's own settings; returns what is read back."""
        return self._set(name, value)

    def _begin(self) -> None:
        self._switch_off(self._driver)

    def _switch_off(self, driver: Any) -> None:
        with asking(self._named, "be switched off"):
            try:
                driver.disable()
            finally:
                driver.power = 0.0
            is_on = driver.get_is_on()
        if is_on:
            raise DeviceError(f"{self._named} was switched off, and says that it is on")
