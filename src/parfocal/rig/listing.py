"""All commands of a laboratory, listed without starting anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, nearest
from parfocal.processes.commands import service_commands
from parfocal.rig.assemble import service_specs
from parfocal.rig.config import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.ipc import CommandInfo
    from parfocal.rig.config import RigConfig
    from parfocal.rig.rig import Rig


def command_listing(
    config: RigConfig | None = None, service: str | None = None, *, script: bool = False
) -> dict[str, tuple[CommandInfo, ...]]:
    """Return the commands of each service of a laboratory, or of each kind of service there is.

    Parameters
    ----------
    config : RigConfig, optional
        A checked laboratory; without it the kinds that rig files may name.
    service : str, optional
        Only this service, or kind.
    script : bool
        Only commands that scripts may use.

    Raises
    ------
    BadInputError
        If there is no such service, or a service's table is not sound, such as two commands of one name.
    """
    makers: dict[str, tuple[str, Any]]
    if config is None:
        makers = {name: (factory, None) for name, factory in KINDS.items()}
    else:
        makers = {spec.name: (spec.factory, spec.settings) for spec in service_specs(config)}
    return {name: _chosen(service_commands(*makers[name]), script=script) for name in _named(service, makers)}


def running_commands(
    rig: Rig, service: str | None = None, *, script: bool = False
) -> dict[str, tuple[CommandInfo, ...]]:
    """Return the commands of each service of a running laboratory, as they are told by the services.

    Raises
    ------
    BadInputError
        If there is no such service.
    """
    return {name: _chosen(rig[name].commands(), script=script) for name in _named(service, rig.services)}


def _named(service: str | None, known: Iterable[str]) -> tuple[str, ...]:
    """Return all names, or only that of `service`."""
    names = tuple(known)
    if service is None:
        return names
    if service not in names:
        raise BadInputError(f"there is no service {service!r}; {nearest(service, names)}")
    return (service,)


def _chosen(infos: Iterable[CommandInfo], *, script: bool) -> tuple[CommandInfo, ...]:
    return tuple(info for info in infos if info.script or not script)
