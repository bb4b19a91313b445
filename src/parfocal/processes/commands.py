"""The commands that every service has, and the list of commands of a service that does not run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.ipc import RECEIVER, URGENT, CommandInfo, CommandTable, ServerStatistics, command
from parfocal.processes.loading import load_service
from parfocal.processes.service import LOOP
from parfocal.processes.settings import plain
from parfocal.processes.validation import validate
from parfocal.processes.versions import loaded_versions

if TYPE_CHECKING:
    from parfocal.processes.host import Host


class ServiceCommands:
    """The commands that every service has."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @command(lane=RECEIVER, effect="reads")
    def get_settings(self) -> dict[str, Any]:
        """Return all settings."""
        return plain(self._host.service.settings)

    @command(lane=RECEIVER, effect="reads")
    def setting_sources(self) -> dict[str, str]:
        """Return where settings come from, by path: file, kept, set (by `--set`), live; others: default."""
        return dict(self._host.setting_sources())

    @command(lane=RECEIVER, effect="reads", script=False)
    def settings_version(self) -> int:
        """Return how often the settings were changed since the process began: the rig asks it."""
        return self._host.settings_version

    @command(lane=LOOP, effect="changes")
    def set_settings(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Change some settings; all are checked before any is changed. Returns all settings.

        One inside a group is named by its path, such as "options.exposure_ms".
        """
        return self._host.change_settings(changes)

    @command(lane=LOOP, effect="reads")
    def state(self) -> dict[str, Any]:
        """Return what the service is set to now."""
        return self._host.service.state()

    @command(lane=RECEIVER, effect="reads")
    def traffic(self) -> ServerStatistics | None:
        """Return what became of the calls so far, and what waits: queued, running, kept, unread."""
        return self._host.traffic()

    @command(lane="record", effect="reads")
    def losses(self) -> dict[str, int]:
        """Return what the service never brought to its streams, by reason, since the rig was started."""
        return self._host.service.losses()

    @command(lane="record", effect="reads")
    def versions(self) -> dict[str, str]:
        """Return the versions of Python and of all that the service has loaded, and of what it drives."""
        return loaded_versions() | self._host.service.versions()

    @command(lane="record", effect="reads", script=False)
    def save_record(self, folder: Path, at_end: bool) -> None:
        """Write the files that the service gives to the record of a run, at its start or end, to a folder."""
        self._host.service.save_record(folder, at_end=at_end)

    @command(lane=URGENT, effect="reads")
    def set_verbose(self, on: bool) -> None:
        """Switch verbose logging, and the health line once a minute."""
        self._host.set_verbose(on)


class EndCommand:
    """The command that ends a standalone service. One of a rig is ended by the rig."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @command(lane=URGENT, effect="stops")
    def end(self) -> None:
        """End this service: safe state, drain, close."""
        self._host.leave("a client asked")


class StopCommand:
    """Tells whoever would end a service by `stop`, a word of cameras, how that is done."""

    def __init__(self, service: str) -> None:
        self._service = service

    @command(lane=URGENT, effect="reads", script=False)
    def stop(self) -> None:
        """Refused: a service is ended by its rig, with `end`."""
        raise BadInputError(
            f"a service is ended by its rig: rig.end({self._service!r}), or "
            f"`parfocal call rig end service={self._service}`"
        )


def command_sources(host: Host, *, standalone: bool) -> list[object]:
    """Return the objects whose methods are a service's commands: itself, its own sources, what all have."""
    sources = [host.service, *host.service.command_sources(), ServiceCommands(host)]
    if standalone:
        sources.append(EndCommand(host))
    elif not any(hasattr(source, "stop") for source in sources):
        sources.append(StopCommand(host.name))
    return sources


def service_commands(factory: str, settings: Mapping[str, Any] | None = None) -> tuple[CommandInfo, ...]:
    """Return the commands of a service, those that every service has included, without starting it.

    With settings also those of its `Service.command_sources`, such as the device that they name.
    """
    kind = load_service(factory)
    if settings is None:
        return CommandTable.of(kind, ServiceCommands).describe()
    service = kind(validate(kind.Config, settings))
    return CommandTable.of(service, *service.command_sources(), ServiceCommands).describe()
