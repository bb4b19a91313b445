"""What a device finds around it: the clock, the folder of its rig, and the rig's other services."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _no_services(service: str) -> Any:
    raise DeviceError(f"this device needs the service {service!r}: open it in a rig that has one")


@dataclass(frozen=True)
class DeviceContext:
    """Handed to each device when it is made.

    Attributes
    ----------
    clock : Clock
        The only time a device may go by.
    folder : Path or None
        Where simulated devices in several processes share their world; None keeps it inside this object.
    local : dict
        What simulated devices in one process share, by name.
    connect : callable
        ``connect(service)`` returns another service of the rig as an object: its commands are its methods, as
        of a `parfocal.ipc.ServiceProxy`. Raises `DeviceError` where there is no rig. To be called in `open`.
    """

    clock: Clock = SYSTEM_CLOCK
    folder: Path | None = None
    local: dict[str, Any] = field(default_factory=dict)
    connect: Callable[[str], Any] = _no_services
