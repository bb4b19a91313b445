"""What the devices of a core have in common that are services of their own: they reach it by its service."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from parfocal.core.errors import DeviceError, ServiceUnavailableError

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext

ANSWER_S = 10.0
"""How long the core may take to do something quick."""


class CoreDeviceSettings(BaseModel):
    """Where the core is.

    Parameters
    ----------
    core : str
        The service of kind "micromanager" that has it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: str = "camera"


class CoreDevice:
    """A device of a core, asked through the service that has the core.

    Parameters
    ----------
    settings : CoreDeviceSettings
        Where that is.
    context : DeviceContext
        The other services.
    """

    what = "device"

    def __init__(self, settings: CoreDeviceSettings, context: DeviceContext) -> None:
        self._core_name, self._clock, self._connect = settings.core, context.clock, context.connect
        self._service: Any = None

    @property
    def core(self) -> Any:
        """The service that has the core, while this is open."""
        if self._service is None:
            raise DeviceError(f"the {self.what} is closed; open it first")
        return self._service

    def open(self) -> None:
        """Find the service that has the core, and the device in it."""
        self._service = self._connect(self._core_name)
        try:
            self.find()
        except BaseException:
            self._service = None
            raise

    def close(self) -> None:
        """Make it safe, and let go of the service."""
        self.make_safe()
        self._service = None

    def find(self) -> None:
        """Find the device in the core, and bring it to where it begins."""
        raise NotImplementedError

    def make_safe(self) -> None:
        """Bring it to rest, if it is open. Any thread."""
        raise NotImplementedError

    def ask_safe(self, command: str, *arguments: Any) -> None:
        """Have the core make something safe, if this is open.

        A core whose process has ended does that itself as it ends; one that was killed, at its next start.
        """
        if self._service is not None:
            with suppress(ServiceUnavailableError):
                self._service.submit(command, *arguments, timeout_s=ANSWER_S).result()
