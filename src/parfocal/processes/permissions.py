"""What services want of the system beyond what every user may have, checked before any is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.processes.awake import check_awake
from parfocal.processes.priority import check_real_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.processes.spec import ServiceSpec


def check_permitted(specs: Sequence[ServiceSpec]) -> None:
    """Check that services may have real-time priority, and keep processors awake, as they want to.

    Raises
    ------
    ConfigError
        If they may not; names them, and tells what to do.
    """
    check_real_time(specs)
    check_awake(specs)
