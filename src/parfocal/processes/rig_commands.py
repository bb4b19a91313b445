"""The commands of a rig itself, as service "rig"."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

from parfocal.core.status import AddedPanel, RigStatus
from parfocal.ipc import URGENT, command, current_call
from parfocal.processes.setting_changes import SettingChanges
from parfocal.processes.setting_status import SettingStatus
from parfocal.processes.settings_table import SettingsTable
from parfocal.processes.spec import ServiceSpec

if TYPE_CHECKING:
    from parfocal.processes.supervisor import Supervisor

CHANGES_WITHIN_S = 30.0
"""How long the end or the restart of one service may take, unless the call has a deadline of its own."""


class RigCommands:
    """The commands of service "rig"."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._settings = SettingsTable(supervisor.rig, supervisor.specs)

    @command(lane=URGENT, effect="reads")
    def status(self) -> RigStatus:
        """Return the services now."""
        return self._supervisor.status()

    @command(lane=URGENT, effect="reads", script=False)
    def announce_services(self) -> None:
        """Publish the names of all services once more, for who has just subscribed."""
        self._supervisor.announce_services()

    @command(lane=URGENT, effect="stops")
    def stop(self) -> None:
        """Begin to end the rig in order; returns at once."""
        self._supervisor.begin_stop("a client asked")

    @command(lane="restart", effect="changes")
    def restart(self, service: str) -> None:
        """End one service in order and start it again; returns when it is ready."""
        self._supervisor.restart(service, current_call().remaining_s() or CHANGES_WITHIN_S)

    @command(lane="settings", effect="reads")
    def list_settings(self, service: str = "") -> dict[str, tuple[SettingStatus, ...]]:
        """Return each setting of each service, or of one: value, source, type, limits, when it applies."""
        return self._settings.list(service)

    @command(lane="settings", effect="reads", script=False)
    def check_settings(
        self, changes: dict[str, dict[str, Any]], keep: bool = False
    ) -> dict[str, SettingChanges]:
        """Check changes of settings, for each service by path, and return what they come to."""
        return self._settings.check(changes, keep=keep)

    @command(lane="restart", effect="changes")
    def restart_with(self, service: str, changes: dict[str, Any], although_claimed: bool = False) -> None:
        """Restart one service with other settings; returns when it is ready.

        Refused while a run claims it, but for `although_claimed`. If it does not become ready, it is started
        again with those that it had.
        """
        timeout_s = current_call().remaining_s() or CHANGES_WITHIN_S
        self._supervisor.restart_with(
            service, changes, although_claimed=although_claimed, timeout_s=timeout_s
        )

    @command(lane="services", effect="stops")
    def end(self, service: str) -> None:
        """End one service in order; it stays ended until it is restarted."""
        self._supervisor.end(service)

    @command(lane="services", effect="changes")
    def add(self, specs: list[ServiceSpec], search_path: list[str]) -> None:
        """Start more services; returns when they are ready. `search_path` says where else to import from."""
        sys.path.extend(entry for entry in search_path if entry not in sys.path)
        self._supervisor.add(*specs)

    @command(lane="services", effect="changes")
    def remove(self, service: str) -> None:
        """End a service in order; the rig has it no longer."""
        self._supervisor.remove(service)

    @command(lane="panels", effect="reads", script=False)
    def add_panel(self, panel: AddedPanel) -> None:
        """Have every desktop show a panel, or a plot, until it is removed or the rig ends."""
        self._supervisor.panels.add(panel)

    @command(lane="panels", effect="reads", script=False)
    def remove_panel(self, kind: Literal["panel", "plot"], name: str) -> None:
        """Have no desktop show a panel, or a plot, that was added."""
        self._supervisor.panels.remove(kind, name)

    @command(lane=URGENT, effect="reads")
    def set_verbose(self, on: bool, service: str = "") -> None:
        """Switch verbose logging of one service; of all of them without a name."""
        self._supervisor.set_verbose(on, service)
