"""What changes of a service's settings come to: which apply at once, which at a restart, what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import ConfigError
from parfocal.processes.loading import load_service
from parfocal.processes.setting_layers import applies_at, fitting, leaves, whole_settings, with_values
from parfocal.processes.settings import changed, kept_for_restart, plain, same
from parfocal.processes.validation import validate

if TYPE_CHECKING:
    from pydantic import BaseModel

    from parfocal.processes.service import Service
    from parfocal.processes.spec import ServiceSpec


class SettingChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of the settings of one service, checked, by path; secrets as they are.

    Attributes
    ----------
    live : dict
        Those that apply while it runs.
    restart, rig : dict
        Those that are other values than now, and take a restart of the service, or the next start of the rig.
    kept : dict
        All of them as a kept file has them.
    """

    live: dict[str, Any] = {}
    restart: dict[str, Any] = {}
    rig: dict[str, Any] = {}
    kept: dict[str, Any] = {}


def checked_changes(
    spec: ServiceSpec, changes: Mapping[str, Any], kept: Mapping[str, Any] | None = None
) -> SettingChanges:
    """Check changes of a service's settings, as a whole; nothing is touched.

    Parameters
    ----------
    spec : ServiceSpec
        The service as it would be started now.
    changes : mapping
        Values by path; a mapping in place of a group changes those settings of the group that it names.
    kept : mapping, optional
        What is kept of the service already, if the changes shall be kept as well.

    Raises
    ------
    ConfigError
        A line for each key that is unknown or wrong, with the name of the service, its value, what to do.
    """
    kind = load_service(spec.factory)
    try:
        now = validate(kind.Config, spec.settings)
        asked = _by_path(kind.Config, spec.settings, changes)
        new = kept_for_restart(changed(now, asked))
        named = named_settings(kind.Config, new, asked)
        if kept is not None:
            _check_next_start(kind.Config, spec, kept, named)
    except ConfigError as error:
        raise ConfigError("\n".join(f"{spec.name}: {line}" for line in str(error).splitlines())) from error
    old = leaves(kind.Config, plain(now, secrets=True))
    fixed = kind(now).fixed_settings()
    when = {path: applies_at(fixed, path) for path in named}
    different = {
        path: value for path, value in named.items() if path not in old or not same(old[path], value)
    }
    return SettingChanges(
        live={path: value for path, value in named.items() if when[path] is None},
        restart={path: value for path, value in different.items() if when[path] == "restart"},
        rig={path: value for path, value in different.items() if when[path] == "rig"},
        kept=named,
    )


def changed_while_open(name: str, service: Service, changes: Mapping[str, Any]) -> Any:
    """Return the settings of an open service with `changes`, checked as a whole.

    Raises
    ------
    ConfigError
        As `changed`; also if one of them never changes while the service is open.
    """
    old, new = service.settings, changed(service.settings, changes)
    model, fixed = type(old), service.fixed_settings()
    before, after = (leaves(model, plain(each, secrets=True)) for each in (old, new))
    stuck = [
        path
        for path, value in {**before, **after}.items()
        if applies_at(fixed, path) and not (path in after and path in before and same(before[path], value))
    ]
    if stuck:
        raise ConfigError(
            f"{name} keeps its settings {', '.join(stuck)} while it runs: `parfocal settings {name} ...` "
            "restarts it with others (--restart), or keeps them for the rig's next start (--keep)"
        )
    return new


def named_settings(
    model: type[BaseModel], settings: Mapping[str, Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return of plain settings, by path, those that `changes` name or name a part of."""
    return whole_settings(leaves(model, settings), changes)


def _by_path(
    model: type[BaseModel], settings: Mapping[str, Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return changes with those of a group that came as a mapping one by one."""
    found: dict[str, Any] = {}
    for path, value in changes.items():
        after = leaves(model, with_values(settings, {path: value})) if isinstance(value, Mapping) else {}
        found |= {leaf: each for leaf, each in after.items() if leaf.startswith(f"{path}.")} or {path: value}
    return found


def _check_next_start(
    model: type[BaseModel], spec: ServiceSpec, kept: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    """Check that new values fit to what the rig's file says, and to what is kept and fits to that."""
    file = spec.layers.get("file", {})

    def check(values: Mapping[str, Any]) -> None:
        validate(model, with_values({}, {**file, **values}), "at the rig's next start, ")

    used, _ = fitting(kept, check)
    check({**used, **new})
