"""A filter wheel of python-microscope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from parfocal.core.errors import BadInputError, ConfigError, nearest
from parfocal.devices.microscope.background import BackgroundCalls
from parfocal.devices.microscope.driver import DriverSettings, asking, enable
from parfocal.devices.microscope.driver_device import DriverDevice

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext

_ENDS_WITHIN_S = 1.0


class DriverFilterSettings(DriverSettings):
    """Which wheel, and what is in it.

    Parameters
    ----------
    filters : list of str
        The filter at each of its positions, from the first one.
    """

    filters: Annotated[list[str], Field(min_length=1)]


class DriverFilters(DriverDevice):
    """A wheel of filters (a `parfocal.core.protocols.LightPath`)."""

    Settings = DriverFilterSettings
    kind = "FilterWheel"

    def __init__(self, settings: DriverFilterSettings, context: DeviceContext) -> None:
        super().__init__(settings, context)
        self._filters = tuple(settings.filters)
        self._calls: BackgroundCalls | None = None

    @property
    def filters(self) -> tuple[str, ...]:
        """Their names."""
        return self._filters

    def close(self) -> None:
        """Wait for the wheel a little, and shut the driver down."""
        if self._calls is not None:
            self._calls.close(_ENDS_WITHIN_S)
            self._calls = None
        super().close()

    def filter(self) -> str:
        """Return which one is in the way; "" while it moves, or where the driver tells no position."""
        driver = self._opened()
        if self._calls is None or self._calls.targets():
            return ""
        with asking(self._named, "tell its position"):
            place = int(driver.position)
        return self._filters[place] if 0 <= place < len(self._filters) else ""

    def select(self, name: str) -> None:
        """Begin to bring a filter into the way; returns at once."""
        if name not in self._filters:
            raise BadInputError(f"no filter is called {name!r}; {nearest(name, self._filters)}")
        self._opened()
        if self._calls is not None:
            self._calls.submit(self._turn, {"position": self._filters.index(name)})

    def _begin(self) -> None:
        driver = self._driver
        enable(driver, self._named)
        with asking(self._named, "tell how many positions it has"):
            positions = int(driver.n_positions)
        if positions != len(self._filters):
            raise ConfigError(
                f"{self._named} has {positions} positions, not {len(self._filters)}: name the "
                f"filter at each of them"
            )
        self._calls = BackgroundCalls(f"{self._named} turns")

    def _turn(self, targets: Mapping[str, Any]) -> None:
        with asking(self._named, f"turn to position {targets['position']}"):
            self._opened().position = targets["position"]
