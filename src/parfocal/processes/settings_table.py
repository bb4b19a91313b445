"""All settings of a rig, and what changes of them come to, whether it runs or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from parfocal.core.errors import ConfigError, ServiceNotFoundError, nearest
from parfocal.processes.kept_settings import read_kept
from parfocal.processes.loading import load_service
from parfocal.processes.setting_changes import SettingChanges, checked_changes
from parfocal.processes.setting_status import SettingStatus, setting_statuses
from parfocal.processes.settings import plain
from parfocal.processes.spec import ServiceSpec
from parfocal.processes.validation import validate


class SettingsTable:
    """The settings of all services of a rig. A tracker's workers have those of their tracker.

    Parameters
    ----------
    rig : str
        Its name, by which settings are kept.
    specs : callable
        Returns the services as they would be started now. Their classes are imported where that is asked.
    """

    def __init__(self, rig: str, specs: Callable[[], Mapping[str, ServiceSpec]]) -> None:
        self._rig = rig
        self._specs = specs

    def list(self, service: str = "") -> dict[str, tuple[SettingStatus, ...]]:
        """Return the settings of each service, or of one.

        Raises
        ------
        ServiceNotFoundError
            If there is none of that name; names the nearest.
        """
        kept = read_kept(self._rig).services
        chosen = [self._spec(service)] if service else self._shown().values()
        return {spec.name: statuses_of(spec, kept.get(spec.name, {})) for spec in chosen}

    def check(self, changes: Mapping[str, Mapping[str, Any]], *, keep: bool) -> dict[str, SettingChanges]:
        """Check changes of any services, all of them; nothing is touched.

        Parameters
        ----------
        changes : mapping
            For each service values by path.
        keep : bool
            Whether they shall be kept, so that they have to fit to what the rig's file says.

        Raises
        ------
        ConfigError
            A line for each service, key or value that is wrong.
        """
        kept = read_kept(self._rig).services if keep else None
        checked, lines = {}, []
        for name, values in changes.items():
            try:
                known = None if kept is None else kept.get(name, {})
                checked[name] = checked_changes(self._spec(name), values, known)
            except (ConfigError, ServiceNotFoundError) as error:
                lines += str(error).splitlines()
        if lines:
            raise ConfigError("\n".join(lines))
        return checked

    def _shown(self) -> dict[str, ServiceSpec]:
        return {name: spec for name, spec in self._specs().items() if not spec.part_of}

    def _spec(self, name: str) -> ServiceSpec:
        specs = self._shown()
        if name not in specs:
            raise ServiceNotFoundError(f"rig {self._rig!r} has no service {name!r}; {nearest(name, specs)}")
        return specs[name]


def statuses_of(spec: ServiceSpec, kept: Mapping[str, Any]) -> tuple[SettingStatus, ...]:
    """Return the settings of a service as it would be started now, of which some are kept."""
    kind = load_service(spec.factory)
    now = validate(kind.Config, spec.settings)
    return setting_statuses(kind.Config, plain(now), spec.layers, kind(now).fixed_settings(), kept)
