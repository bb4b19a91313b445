"""Where settings come from: layers of values by path, of which a later one wins over those before.

A path names one setting of a service: ``period_s``, or ``options.exposure_ms`` for one inside a group, such
as the options of a device. A group is what has a model of its own; any other dict is one setting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from parfocal.core.errors import ConfigError
from parfocal.processes.validation import inner_model

Source = Literal["default", "file", "kept", "set", "live"]
"""Where a value comes from: the model's default, the rig's file, what is kept for its starts, an option
``--set`` of this start, or a change while the rig ran."""
LAYERS: tuple[Source, ...] = ("file", "kept", "set", "live")
"""In the order in which one wins over the other."""
Layers = dict[str, dict[str, Any]]
"""For each source the values that it gives, by path."""


def leaves(model: Any, settings: Mapping[str, Any], inside: str = "") -> dict[str, Any]:
    """Return nested settings by path.

    Parameters
    ----------
    model : type or None
        The pydantic model or msgspec Struct that checks them, which says what is a group.

    Examples
    --------
    >>> from pydantic import create_model
    >>> Lamp = create_model("Lamp", power=(float, 0.0))
    >>> Lab = create_model("Lab", lamp=(Lamp, Lamp()), names=(dict[str, int], {}))
    >>> leaves(Lab, {"lamp": {"power": 1}, "names": {"a": 2}})
    {'lamp.power': 1, 'names': {'a': 2}}
    """
    found: dict[str, Any] = {}
    for key, value in settings.items():
        inner = inner_model(model, key, settings)
        if inner is not None and isinstance(value, Mapping):
            found |= leaves(inner, value, f"{inside}{key}.")
        else:
            found[f"{inside}{key}"] = value
    return found


def with_values(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with values by path put in their places; `settings` itself stays as it is.

    Examples
    --------
    >>> with_values({"slots": 8, "options": {"a": 1}}, {"options.b": 2, "slots": 4})
    {'slots': 4, 'options': {'a': 1, 'b': 2}}
    """
    changed = dict(settings)
    for path, value in values.items():
        key, dot, rest = path.partition(".")
        if dot:
            group = changed.get(key)
            value = with_values(group if isinstance(group, Mapping) else {}, {rest: value})
        changed[key] = value
    return changed


def whole_settings(found: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return of settings by path those that `paths` name, lead to, or name a part of.

    Examples
    --------
    >>> whole_settings({"names": {"a": 2, "b": 3}, "slots": 8}, ["names.a"])
    {'names': {'a': 2, 'b': 3}}
    """
    wanted = tuple(paths)
    return {leaf: value for leaf, value in found.items() if any(_meet(leaf, path) for path in wanted)}


def fitting(
    values: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return of several values those that pass a check together, and for each other one what is wrong.

    All of them, if they fit together; else as many as can be added one after the other.

    Parameters
    ----------
    check : callable
        Raises `ConfigError` for values that do not fit.

    Examples
    --------
    >>> def check(values):
    ...     if values.get("least", 0) > values.get("most", 10):
    ...         raise ConfigError("least is above most")
    >>> fitting({"least": 12, "most": 20}, check)
    ({'least': 12, 'most': 20}, {})
    >>> fitting({"least": 12, "label": "x"}, check)
    ({'label': 'x'}, {'least': 'least is above most'})
    """
    if not _problem(check, values):
        return dict(values), {}
    taken: dict[str, Any] = {}
    wrong = dict.fromkeys(values, "")
    while True:
        wrong = {path: _problem(check, {**taken, path: values[path]}) for path in wrong}
        fits = next((path for path, problem in wrong.items() if not problem), None)
        if fits is None:
            return taken, wrong
        taken[fits] = values[fits]
        del wrong[fits]


def source_of(layers: Mapping[str, Mapping[str, Any]], path: str) -> Source:
    """Return where the value of a setting comes from.

    Examples
    --------
    >>> layers = {"file": {"slots": 8, "label": ""}, "kept": {"slots": 16}}
    >>> source_of(layers, "slots"), source_of(layers, "label"), source_of(layers, "period_s")
    ('kept', 'file', 'default')
    """
    return next(_sources(layers, path), "default")


def sources_of(layers: Mapping[str, Mapping[str, Any]]) -> dict[str, Source]:
    """Return where each setting that is not as by default comes from, by path."""
    paths = {path for layer in layers.values() for path in layer}
    return {path: source_of(layers, path) for path in sorted(paths)}


def applies_at(fixed: Mapping[str, Any], path: str) -> Any:
    """Return what `fixed` says of a setting, or of the group that it is in; None if nothing.

    Examples
    --------
    >>> applies_at({"options": "restart"}, "options.exposure_ms"), applies_at({}, "slots")
    ('restart', None)
    """
    return next((when for name, when in fixed.items() if _meet(path, name)), None)


def _problem(check: Callable[[Mapping[str, Any]], None], values: Mapping[str, Any]) -> str:
    try:
        check(values)
    except ConfigError as error:
        return "; ".join(str(error).splitlines())
    return ""


def _sources(layers: Mapping[str, Mapping[str, Any]], path: str) -> Iterator[Source]:
    return (layer for layer in reversed(LAYERS) if path in layers.get(layer, ()))


def _meet(one: str, other: str) -> bool:
    """Whether one path is the other, or leads to it."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
