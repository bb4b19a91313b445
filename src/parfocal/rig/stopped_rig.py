"""The settings of a rig that does not run: those it would start with, and what is kept for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from parfocal.core.errors import BadInputError
from parfocal.processes.kept_settings import read_kept
from parfocal.processes.settings_table import SettingsTable
from parfocal.rig.assemble import service_specs
from parfocal.rig.layered_config import layered_config
from parfocal.rig.rig_settings import Changes, RigSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.processes.setting_changes import SettingChanges
    from parfocal.processes.setting_status import SettingStatus
    from parfocal.processes.spec import ServiceSpec
    from parfocal.rig.config import RigConfig


class StoppedRig(RigSettings):
    """Settings of a rig that does not run, by its file. Nothing is started.

    Parameters
    ----------
    config : RigConfig
        Its file.
    """

    def __init__(self, config: RigConfig) -> None:
        self.name = config.name
        self._config = config
        self._table = SettingsTable(config.name, self._specs)

    def settings(self, service: str = "") -> dict[str, tuple[SettingStatus, ...]]:
        """Return each setting of each service, or of one, as the rig would start with it."""
        return self._table.list(service)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def _specs(self) -> Mapping[str, ServiceSpec]:
        config, layers, _ = layered_config(self._config, read_kept(self.name), {})
        return {spec.name: spec for spec in service_specs(config, layers)}

    def _check_settings(self, changes: Changes, *, keep: bool) -> dict[str, SettingChanges]:
        return self._table.check(changes, keep=keep)

    def _apply_settings(self, checked: Any, *, restart: bool, keep: bool, force: bool) -> None:
        del checked, restart, force
        if not keep:
            raise BadInputError(
                f"rig {self.name!r} does not run: keep the change for its next start (keep=True, --keep), or "
                "start the rig"
            )
