"""The settings that a rig starts with: its file's, over them what is kept, over that this start's changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from parfocal.core.errors import ConfigError
from parfocal.processes.kept_settings import KeptSettings, Values, take_kept
from parfocal.processes.setting_layers import Layers, fitting, leaves, whole_settings
from parfocal.rig.config import RigConfig, check_settings, load_config, model_of, with_changes
from parfocal.rig.run_roles import has_runs, run_spec
from parfocal.runs.settings import SERVICE as RUNS


class LayeredConfig(NamedTuple):
    """A laboratory as it is started.

    Attributes
    ----------
    config : RigConfig
        Its file, with what is kept and the changes of this start put in.
    layers : dict
        For each service where its settings come from.
    warnings : tuple of str
        A line for each kept setting that is not used, with the reason and what to do.
    """

    config: RigConfig
    layers: dict[str, Layers]
    warnings: tuple[str, ...] = ()


def config_to_start(config: RigConfig, changes: Mapping[str, Any] | None = None) -> LayeredConfig:
    """Return what a rig is started with now: its checked file, what is kept for it, this start's changes.

    What is kept and cannot be read is set aside. For the rest see `layered_config`.
    """
    return layered_config(config, take_kept(config.name), changes or {})


def layered_config(config: RigConfig, kept: KeptSettings, changes: Mapping[str, Any]) -> LayeredConfig:
    """Return what a rig is started with. What is kept and does not fit is left out, and told.

    Parameters
    ----------
    config : RigConfig
        Its checked file.
    changes : mapping
        Settings that this start replaces, each as ``{"service.setting": value}``.

    Raises
    ------
    ConfigError
        If the changes do not fit to the file.
    """
    asked = load_config(with_changes(config, changes))
    warnings = [kept.problem] if kept.problem else []
    used: Values = {}
    for service, values in kept.services.items():
        used[service], left_out = fitting(values, _check_of(config, service, changes))
        warnings += [
            f"kept setting {service}.{path} is not used: {reason}; "
            f"`parfocal settings {service} {path} --forget` forgets it"
            for path, reason in left_out.items()
        ]
    if not any(used.values()):
        return LayeredConfig(asked, _layers(config, asked, {}, changes), tuple(warnings))
    whole = load_config(with_changes(config, {**_flat(used), **changes}))
    return LayeredConfig(whole, _layers(config, whole, used, changes), tuple(warnings))


def _check_of(
    config: RigConfig, service: str, changes: Mapping[str, Any]
) -> Callable[[Mapping[str, Any]], None]:
    """Return what checks kept values of one service, over the rig's file and under the changes of a start."""

    def check(values: Mapping[str, Any]) -> None:
        if service not in config.services and not (service == RUNS and has_runs(config)):
            raise ConfigError(f"the rig's file has no service {service!r} any more")
        changed = with_changes(config, {**_flat({service: values}), **changes})
        if service != RUNS:
            check_settings(changed.services[service], "")

    return check


def _flat(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        f"{service}.{path}": value for service, inside in values.items() for path, value in inside.items()
    }


def _layers(
    file: RigConfig, whole: RigConfig, kept: Mapping[str, Mapping[str, Any]], changes: Mapping[str, Any]
) -> dict[str, Layers]:
    """Return for each service where its settings come from."""
    before, after = _by_path(file), _by_path(whole)
    found: dict[str, Layers] = {}
    for name in after:
        mine = [path.partition(".")[2] for path in changes if path.partition(".")[0] == name]
        layers = {
            "file": before.get(name, {}),
            "kept": dict(kept.get(name, {})),
            "set": whole_settings(after[name], mine),
        }
        found[name] = {source: values for source, values in layers.items() if values}
    return found


def _by_path(config: RigConfig) -> dict[str, dict[str, Any]]:
    found = {name: leaves(model_of(each), each.settings) for name, each in config.services.items()}
    return found | ({RUNS: dict(run_spec(config).settings)} if has_runs(config) else {})
