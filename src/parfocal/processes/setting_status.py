"""Each setting of a service as people and windows are shown it: value, source, type, limits, meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from pydantic_core import to_jsonable_python

from parfocal.core.text_values import Kind, kinds_of
from parfocal.processes.setting_infos import (
    STARS,
    SettingLimits,
    choices_of,
    is_secret,
    limits_of,
    setting_fields,
    setting_meanings,
    type_text,
    unit_of,
)
from parfocal.processes.setting_layers import Source, applies_at, leaves, source_of
from parfocal.processes.validation import inner_model

Applies = Literal["live", "restart", "rig"]
"""When a change applies: at once, when its service is restarted, at the next start of the rig."""


class SettingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a service.

    Attributes
    ----------
    name : str
        Its path in the service's settings, such as "slots" or "options.exposure_ms".
    value : Any
        What it is now, as plain data; stars in place of a secret.
    source : "default", "file", "kept", "set" or "live"
        Where that comes from: the default, the rig's file, what is kept, ``--set`` of this start, a change
        while the rig ran.
    applies : "live", "restart" or "rig"
        When a change applies: at once, at a restart of the service, at the next start of the rig.
    type, unit : str
        What values it takes, and in which unit, "" for none.
    kinds : tuple of str
        Which kinds of values JSON has for them, by which a command line reads one.
    choices : tuple
        The values to choose from, if they are named one by one.
    limits : SettingLimits or None
        Which numbers it takes.
    default : Any
        None also if it has none, and is `required`.
    in_file : Any
        What the rig's file says, or the default: what it would be at the next start if nothing was kept.
    is_kept, kept : bool, Any
        Whether a value is kept for the next start, and which.
    meaning : str
        From the docstring of its model.
    """

    name: str
    value: Any
    source: Source
    applies: Applies = "live"
    type: str = "Any"
    unit: str = ""
    kinds: tuple[Kind, ...] = ()
    choices: tuple[Any, ...] = ()
    limits: SettingLimits | None = None
    default: Any = None
    required: bool = False
    in_file: Any = None
    is_kept: bool = False
    kept: Any = None
    meaning: str = ""


class _Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared of a setting, and its value."""

    value: Any
    default: Any
    required: bool
    type: Any = Any
    extras: tuple[Any, ...] = ()
    meaning: str = ""


def setting_statuses(
    model: Any,
    settings: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    fixed: Mapping[str, Applies],
    kept: Mapping[str, Any],
) -> tuple[SettingStatus, ...]:
    """Return all settings of a service, in the order in which its model declares them.

    Parameters
    ----------
    model : type
        Of its settings.
    settings : mapping
        As they are now, plain, secrets masked.
    layers : mapping
        For each source the values that it gave.
    fixed : mapping
        Of those that do not change while the service runs, when they do.
    kept : mapping
        What is kept for the next start, by path; secrets masked.

    Examples
    --------
    >>> from pydantic import create_model
    >>> lamp = create_model("Lamp", power_mw=(float, 1.0))
    >>> (status,) = setting_statuses(lamp, {"power_mw": 2.0}, {"file": {"power_mw": 2.0}}, {}, {})
    >>> status.value, status.source, status.unit, status.default
    (2.0, 'file', '', 1.0)
    """
    return tuple(
        _status(path, leaf, layers, applies_at(fixed, path) or "live", kept)
        for path, leaf in _leaves(model, settings, {}, "")
    )


def _status(
    path: str,
    leaf: _Leaf,
    layers: Mapping[str, Mapping[str, Any]],
    applies: Applies,
    kept: Mapping[str, Any],
) -> SettingStatus:
    def shown(value: Any) -> Any:
        return STARS if is_secret(leaf.type) and value is not None else _plain(value)

    return SettingStatus(
        name=path,
        value=shown(leaf.value),
        source=source_of(layers, path),
        applies=applies,
        type=type_text(leaf.type),
        unit=unit_of(path),
        kinds=tuple(sorted(kinds_of(leaf.type))),
        choices=choices_of(leaf.type),
        limits=limits_of(leaf.type, leaf.extras),
        default=shown(leaf.default),
        required=leaf.required,
        in_file=shown(layers.get("file", {}).get(path, leaf.default)),
        is_kept=path in kept,
        kept=shown(kept.get(path)),
        meaning=leaf.meaning,
    )


def _leaves(
    model: Any, settings: Mapping[str, Any], defaults: Mapping[str, Any], inside: str
) -> Iterator[tuple[str, _Leaf]]:
    """Yield each setting of a model; those of the groups in it by their paths."""
    meanings = setting_meanings(model)
    declared = {each.name: each for each in setting_fields(model)}
    for name, field in declared.items():
        default = defaults.get(name, _plain(field.default))
        value = settings.get(name, default)
        inner = inner_model(model, name, settings)
        if inner is not None and isinstance(value, Mapping):
            yield from _leaves(
                inner, value, default if isinstance(default, Mapping) else {}, f"{inside}{name}."
            )
            continue
        meaning = meanings.get(name, "")
        yield (
            f"{inside}{name}",
            _Leaf(
                value=value, default=default, required=field.required,
                type=field.type, extras=field.extras, meaning=meaning,
            ),
        )  # fmt: skip
    others = {name: value for name, value in settings.items() if name not in declared}
    for path, value in leaves(None, others, inside).items():
        yield path, _Leaf(value=value, default=None, required=False)


def _plain(value: Any) -> Any:
    return to_jsonable_python(value, fallback=str, inf_nan_mode="constants")
