"""What a device finds around it: the clock, and the folder in which the devices of one rig meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parfocal.core.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from pathlib import Path


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
    """

    clock: Clock = SYSTEM_CLOCK
    folder: Path | None = None
    local: dict[str, Any] = field(default_factory=dict)
