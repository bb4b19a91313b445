"""The settings of a rig, in the words of Python: listed, changed, kept, and taken over from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError, ClaimedError, ConfigError
from parfocal.processes.kept_settings import Values, forget_settings, keep_settings, read_kept
from parfocal.processes.settings import same
from parfocal.rig.connections import START_TIMEOUT_S
from parfocal.rig.setting_bundles import read_bundle, write_bundle
from parfocal.runs.settings import SERVICE as RUNS

if TYPE_CHECKING:
    from parfocal.core.status import RigStatus
    from parfocal.processes.setting_changes import SettingChanges
    from parfocal.processes.setting_status import SettingStatus
    from parfocal.rig.rig import Rig

HOW_TO_RESTART = (
    "restart it with them (restart=True, --restart), or keep them for the rig's next start "
    "(keep=True, --keep)"
)
HOW_TO_KEEP = "keep them (keep=True, --keep), and start the rig again"
Changes = Mapping[str, Mapping[str, Any]]
"""For each service its settings by path."""


class KeptSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that is kept for a rig's next starts.

    Attributes
    ----------
    value : Any
        What is kept; stars for a secret, and None if it is not known, as it may be one.
    in_file : Any
        What it goes before: the value of the rig's file, or the default.
    now, source : Any, str
        What it is now, and where that comes from: "kept", or what went before that.
    is_known : bool
        False if the rig has no such service or setting any more; then it is not used.
    """

    service: str
    name: str
    value: Any = None
    in_file: Any = None
    now: Any = None
    source: str = ""
    is_known: bool = True


class RigSettings:
    """Settings of a rig, whether it runs or not. Subclasses know where they are, and how they are changed."""

    name: str

    def settings(self, service: str = "") -> dict[str, tuple[SettingStatus, ...]]:
        """Return each setting of each service, or of one: value, where it comes from, type, limits, meaning.

        Raises
        ------
        ServiceNotFoundError
            If there is none of that name; names the nearest.
        """
        raise NotImplementedError

    def _check_settings(self, changes: Changes, *, keep: bool) -> dict[str, SettingChanges]:
        """Check changes, and return what they come to; nothing is touched."""
        raise NotImplementedError

    def _apply_settings(
        self, checked: Mapping[str, SettingChanges], *, restart: bool, keep: bool, force: bool
    ) -> None:
        """Have services take changes that were checked."""
        raise NotImplementedError

    def change_settings(
        self, changes: Changes, *, keep: bool = False, restart: bool = False, force: bool = False
    ) -> None:
        """Change settings of any services; all are checked before any is changed.

        A service that crashes comes up with what was changed. A rig that is started anew does so only with
        what is kept.

        Parameters
        ----------
        changes : mapping
            For each service its settings: ``{"camera": {"options.exposure_ms": 2.0}}``.
        keep : bool
            Whether the rig's next starts take them, too: before its file, after ``changes`` of `open_rig`.
            Those that cannot change while the rig runs are then left to its next start.
        restart : bool
            Restart the services, each alone, whose settings cannot change while they run.
        force : bool
            Do it although a run uses a service.

        Raises
        ------
        ConfigError
            A line for each key or value that is wrong, or for settings that take a restart. Nothing changed.
        ClaimedError
            If a run uses a service; names the run.
        CommandFailedError
            If a service refuses. Those before it have changed.
        """
        checked = self._check_settings(changes, keep=keep)
        self._apply_settings(checked, restart=restart, keep=keep, force=force)
        if keep:
            keep_settings(self.name, {name: each.kept for name, each in checked.items()})

    def kept_settings(self) -> tuple[KeptSetting, ...]:
        """Return what is kept for the rig's next starts, and what it goes before."""
        found = []
        now = {name: {each.name: each for each in statuses} for name, statuses in self.settings().items()}
        for service, values in read_kept(self.name).services.items():
            for path in values:
                status = now.get(service, {}).get(path)
                if status is None:
                    found.append(KeptSetting(service=service, name=path, is_known=False))
                else:
                    found.append(
                        KeptSetting(
                            service=service, name=path, value=status.kept, in_file=status.in_file,
                            now=status.value, source=status.source,
                        )
                    )  # fmt: skip
        return tuple(found)

    def forget_settings(self, service: str = "", *settings: str) -> Values:
        """Keep settings no longer: all of the rig, of a service, or those named; return what was forgotten.

        What runs goes on with them: the next start of the rig is without.
        """
        return forget_settings(self.name, service, settings)

    def save_settings(self, path: str | Path) -> None:
        """Write all settings to one YAML file, for `load_settings`. Passwords are left out."""
        write_bundle(self.name, self.settings(), Path(path))

    def load_settings(
        self, path: str | Path, *, keep: bool = False, restart: bool = False, force: bool = False
    ) -> Values:
        """Take over the settings of a file that `save_settings` wrote; return those that were others.

        All are checked before any is changed. Those of the file that are as they should be stay as they are.
        With `keep` the rig's next starts have them all; what is as the rig's file says is not kept then.

        Parameters and errors are those of `change_settings`; also `BadInputError` if the file is no such one.
        """
        wanted = read_bundle(Path(path))
        if not wanted:
            raise BadInputError(f"{path} holds no settings")
        whole = {name: each.kept for name, each in self._check_settings(wanted, keep=keep).items()}
        known = {name: {each.name: each for each in self.settings(name)[name]} for name in whole}
        others = _where(whole, lambda name, path, value: not same(known[name][path].value, value))
        self._apply_settings(
            self._check_settings(others, keep=False), restart=restart, keep=keep, force=force
        )
        if keep:
            kept = _where(whole, lambda name, path, value: not same(known[name][path].in_file, value))
            keep_settings(self.name, kept, forget=whole)
        return others


def refuse_later(checked: Mapping[str, SettingChanges], *, restart: bool, keep: bool) -> None:
    """Refuse changes that do not apply while the rig runs, unless that is what is asked for.

    Raises
    ------
    ConfigError
        A line for each service, with its settings and what to do.
    """
    lines = []
    for name, each in checked.items():
        if each.restart and not (restart or keep):
            lines.append(f"{name} keeps {', '.join(each.restart)} as long as it runs: {HOW_TO_RESTART}")
        if each.rig and not keep:
            lines.append(f"{name} keeps {', '.join(each.rig)} as long as the rig runs: {HOW_TO_KEEP}")
    if lines:
        raise ConfigError("\n".join(lines))


def apply_changes(
    rig: Rig, checked: Mapping[str, SettingChanges], status: RigStatus, *, restart: bool, force: bool
) -> None:
    """Have the services of a running rig take changes that were checked.

    Raises
    ------
    ConfigError
        If one of them is not ready, and is not restarted. Nothing has changed.
    ClaimedError
        If a run uses one of them; names the run.
    """
    ready = {name for name in checked if status.services[name].state == "ready"}
    away = [name for name, each in checked.items() if each.live and name not in ready]
    if away and not restart:
        raise ConfigError(f"{', '.join(away)} does not run just now: {HOW_TO_RESTART}")
    _refuse_claimed([name for name in ready if len(checked) > 1 and not force], rig)
    for name, each in checked.items():
        if each.live and name in ready:
            rig[name].set_settings(each.live, force=force)
        later = each.restart if name in ready else {**each.live, **each.restart}
        if restart and later:
            if name == RUNS and not force:
                _refuse_while_running(rig)
            rig["rig"].restart_with(name, later, force, timeout_s=START_TIMEOUT_S)


def _refuse_claimed(services: Iterable[str], rig: Rig) -> None:
    """Refuse changes of several services of which a run uses one, before the first is changed."""
    for name in services:
        if run := rig[name].traffic().claimed_by:
            raise ClaimedError(
                f"nothing is changed: run {run!r} uses {name}; wait for its end, cancel it, or force it"
            )


def _refuse_while_running(rig: Rig) -> None:
    """Refuse to restart what carries out runs while it does."""
    for run, handle in rig.runs.items():
        if not handle.status().ended:
            raise ClaimedError(
                f"{RUNS} is not restarted: run {run!r} goes on; wait for its end, cancel it, or force it"
            )


def _where(changes: Changes, choose: Callable[[str, str, Any], bool]) -> Values:
    """Return the changes that are chosen by service, path and value, of services that have some."""
    chosen = {
        name: {path: value for path, value in values.items() if choose(name, path, value)}
        for name, values in changes.items()
    }
    return {name: values for name, values in chosen.items() if values}
