"""A simulated filter wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, DeviceError, nearest
from parfocal.devices.faults import Faults
from parfocal.devices.simulated.world import World

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext

THING = "filter"
"""What moves in the simulated world."""


class FilterSettings(BaseModel):
    """The filters of the wheel, in order, and how long it takes from one to the next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    filters: Annotated[list[str], Field(min_length=1)] = ["open", "nucleus", "cytoplasm"]
    step_s: Annotated[float, Field(gt=0, le=60)] = 0.02


def filter_at(filters: list[str], place: float) -> str:
    """Return the filter at a place of the wheel; "" between two of them, where no light passes.

    Examples
    --------
    >>> filter_at(["open", "nucleus"], 1.0), filter_at(["open", "nucleus"], 0.5)
    ('nucleus', '')
    """
    return filters[int(place)] if place == int(place) else ""


class SimulatedFilters:
    """A wheel of filters in the simulated world (a `parfocal.core.protocols.LightPath`)."""

    Settings = FilterSettings

    def __init__(self, settings: FilterSettings, context: DeviceContext) -> None:
        self._settings, self._context = settings, context
        self._world: World | None = None
        self._faults = Faults({"stuck": {}, "free": {}})
        self._stuck = False

    @property
    def filters(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._settings.filters)

    def open(self) -> None:
        """Join the world."""
        self._world = World.of(self._context)

    def close(self) -> None:
        """Leave the world."""
        self._world = None

    def make_safe(self) -> None:
        """Nothing: a filter is safe anywhere."""

    def state(self) -> dict[str, Any]:
        """Return its filters, and which one is in the way."""
        return {"device": "simulated filters", **self._settings.model_dump(mode="json")}

    def switch_s(self, before: str, after: str) -> float:
        """Return how long it takes from one filter to another; from an unknown one the longest way."""
        places = {name: place for place, name in enumerate(self._settings.filters)}
        starts = [places[before]] if before in places else list(places.values())
        return self._settings.step_s * max(abs(places[after] - place) for place in starts)

    def filter(self) -> str:
        """Return which one is in the way; "" while it moves."""
        place = self._opened().position(THING, self._context.clock.monotonic_ns())
        return filter_at(self._settings.filters, place)

    def select(self, name: str) -> None:
        """Begin to bring a filter into the way."""
        if name not in self._settings.filters:
            raise BadInputError(f"no filter is called {name!r}; {nearest(name, self._settings.filters)}")
        if self._faults.take("stuck") is not None:
            self._stuck = True
        if self._faults.take("free") is not None:
            self._stuck = False
        if not self._stuck:
            place, now_ns = self._settings.filters.index(name), self._context.clock.monotonic_ns()
            self._opened().move(THING, place, now_ns, 1.0 / self._settings.step_s)

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make a fault happen: "stuck" (it moves no more) until "free"."""
        self._faults.inject(kind, details)

    def _opened(self) -> World:
        if self._world is None:
            raise DeviceError("the simulated filter wheel is closed; open it first")
        return self._world
