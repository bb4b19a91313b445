"""What cameras, lights, stages and filter wheels of python-microscope have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from parfocal.core.errors import DeviceError
from parfocal.devices.microscope.driver import asking, construct, library_version
from parfocal.devices.microscope.setting_values import DriverSetting, Value, checked_value, described
from parfocal.ipc import command

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext
    from parfocal.devices.microscope.driver import DriverSettings


class DriverDevice:
    """A driver that is constructed when the device is opened, and shut down when it is closed.

    A driver that was shut down cannot be used again; so a device that is opened again has a new one.

    Parameters
    ----------
    settings : DriverSettings
        Which driver, made how.
    context : DeviceContext
        The clock.
    """

    kind: ClassVar[str]
    """The class of `microscope.abc` that the driver must be of."""

    def __init__(self, settings: DriverSettings, context: DeviceContext) -> None:
        self._named, self._clock = settings.driver, context.clock
        self._driver_settings = settings
        self._driver: Any = None
        self._owner: Any = None
        self._values: dict[str, Value | None] = {}

    def open(self) -> None:
        """Construct the driver and bring it to where it is safe; if that fails, it is shut down again."""
        settings = self._driver_settings
        self._owner, self._driver = construct(settings, self.kind)
        try:
            for name, value in settings.driver_settings.items():
                self._set(name, value)
            self._begin()
            self._read_settings()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Make it safe, and shut the driver down."""
        owner = self._owner
        if owner is None:
            return
        try:
            self.make_safe()
        finally:
            self._owner = self._driver = None
            with asking(self._named, "be shut down"):
                owner.shutdown()

    def make_safe(self) -> None:
        """Bring its outputs to their safe values."""

    def state(self) -> dict[str, Any]:
        """Return the driver, and its settings as they were read when one of them was changed last."""
        return {
            "driver": self._named,
            "part": self._driver_settings.part,
            "driver_settings": dict(self._values),
        }

    def versions(self) -> dict[str, str]:
        """Return the version of python-microscope."""
        return library_version()

    @command(effect="reads")
    def driver_settings(self) -> dict[str, DriverSetting]:
        """Return the settings that the driver declares, by name, and what they stand at."""
        return self._read_settings()

    def _begin(self) -> None:
        """Do what is due when the driver was constructed."""

    def _set(self, name: str, value: Value) -> Value | None:
        driver = self._opened()
        given = checked_value(name, value, self._declared())
        with asking(self._named, f"set {name} to {value!r}"):
            driver.set_setting(name, given)
        return self._read_settings()[name].value

    def _read_settings(self) -> dict[str, DriverSetting]:
        driver = self._opened()
        with asking(self._named, "tell its settings"):
            stand_at = driver.get_all_settings()
        declared = self._declared()
        settings = {name: described(each, stand_at.get(name)) for name, each in declared.items()}
        self._values = {name: setting.value for name, setting in settings.items()}
        return settings

    def _declared(self) -> dict[str, Any]:
        with asking(self._named, "describe its settings"):
            return dict(self._opened().describe_settings())

    def _opened(self) -> Any:
        driver = self._driver
        if driver is None:
            raise DeviceError(f"{self._named} is closed; open it first")
        return driver
