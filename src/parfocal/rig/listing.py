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
    factories = KINDS if config is None else {spec.name: spec.factory for spec in service_specs(config)}
    return {
        name: tuple(info for info in service_commands(factory) if info.script or not script)
        for name, factory in factories.items()
    }
