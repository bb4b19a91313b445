"""Where the stages of a rig's runs stand, in µm; and what sends them to a position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session

_PER_UM = {"nm": 1e3, "um": 1.0, "mm": 1e-3}


class StagePlace:
    """Follows the stages that play the parts `xy` and `z` in runs.

    Parameters
    ----------
    session : Session
        The rig.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._axes: dict[str, ServicePoll] = {}
        self._positions: dict[str, ServicePoll] = {}

    def refresh(self) -> None:
        """Ask where they stand."""
        parts = self.session.settings(SERVICE) or {}
        named = {str(parts[part]) for part in ("xy", "z") if parts.get(part)}
        for service in named - self._positions.keys():
            self._axes[service] = ServicePoll(self.session, service, "describe_axes", every_s=30.0)
            self._positions[service] = ServicePoll(self.session, service, "positions", every_s=0.5)
        for poll in (*self._axes.values(), *self._positions.values()):
            poll.refresh()

    @property
    def has_stages(self) -> bool:
        """Whether there are any."""
        return bool(self._positions)

    @property
    def here(self) -> dict[str, float]:
        """Where they stand, µm by axis, as far as they have told."""
        found: dict[str, float] = {}
        for service, poll in self._positions.items():
            units = self._units(service)
            found |= {
                name: round(at / _PER_UM[units[name]], 3)
                for name, at in (poll.value or {}).items()
                if name in "xyz" and units.get(name) in _PER_UM
            }
        return found

    def go(self, position: Mapping[str, Any]) -> list[Request]:
        """Send them to a position; axes that it does not name stay."""
        asked = []
        for service in self._positions:
            targets = {
                name: float(position[name]) * _PER_UM[unit]
                for name, unit in self._units(service).items()
                if unit in _PER_UM and isinstance(position.get(name), int | float)
            }
            if targets:
                asked.append(self.session.ask(service, "move", targets=targets))
        for poll in self._positions.values():
            poll.soon()
        return asked

    def _units(self, service: str) -> dict[str, str]:
        return {axis.name: axis.unit for axis in self._axes[service].value or ()}
