"""All commands of a laboratory, listed without starting anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.processes.host import service_commands
from parfocal.rig.assemble import service_specs
from parfocal.rig.config import KINDS

if TYPE_CHECKING:
    from parfocal.ipc import CommandInfo
    from parfocal.rig.config import RigConfig


def command_listing(
    config: RigConfig | None = None, *, script: bool = False
) -> dict[str, tuple[CommandInfo, ...]]:
    """Return the commands of each service of a laboratory, or of each kind of service there is.

    Parameters
    ----------
    config : RigConfig, optional
        A checked laboratory; without it the kinds that rig files may name.
    script : bool
        Only commands that scripts may use.

    Raises
    ------
    BadInputError
        If a service's table is not sound, such as two handlers for one command.
    """
    if config is None:
        tables = {name: service_commands(factory) for name, factory in KINDS.items()}
    else:
        specs = service_specs(config)
        tables = {spec.name: service_commands(spec.factory, spec.settings) for spec in specs}
    return {
        name: tuple(info for info in table if info.script or not script) for name, table in tables.items()
    }
