"""Settings of a service: one pydantic model, checked as a whole at each change, kept as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from parfocal.core.errors import ConfigError, nearest

M = TypeVar("M", bound=BaseModel)


class NoSettings(BaseModel):
    """The model of a service that has nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def validate(model: type[M], values: Mapping[str, Any]) -> M:
    """Return the settings that `values` describe; what is missing takes the model's default.

    Raises
    ------
    ConfigError
        Naming each key that is unknown, missing or wrong, its value, and what it should be.

    Examples
    --------
    >>> class Lamp(BaseModel):
    ...     power: float = 0.0
    >>> validate(Lamp, {"power": 1}).power
    1.0
    >>> validate(Lamp, {"powr": 1})
    Traceback (most recent call last):
    parfocal.core.errors.ConfigError: setting 'powr' is unknown; did you mean 'power'?
    """
    for key in values:
        if key not in _keys(model):
            raise ConfigError(f"setting {key!r} is unknown; {nearest(key, _keys(model))}")
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError("; ".join(_sentence(detail) for detail in error.errors())) from error


def changed(current: M, changes: Mapping[str, Any]) -> M:
    """Return `current` with `changes`, checked as a whole; `current` itself stays as it is.

    Raises
    ------
    ConfigError
        As `validate`.

    Examples
    --------
    >>> class Lamp(BaseModel):
    ...     power: float = 0.0
    ...     colour: str = "red"
    >>> changed(Lamp(colour="green"), {"power": 0.5})
    Lamp(power=0.5, colour='green')
    """
    given = current.model_dump(by_alias=True, exclude_unset=True)
    return validate(type(current), {**given, **changes})


def plain(settings: BaseModel) -> dict[str, Any]:
    """Return settings as values that JSON and messages can hold."""
    return settings.model_dump(mode="json")


def export_toml(settings: BaseModel, path: Path) -> None:
    """Write settings to a TOML file. TOML has no null: a setting that is None is left to its default."""
    import tomli_w

    path.write_bytes(tomli_w.dumps(settings.model_dump(mode="json", exclude_none=True)).encode())


def import_toml(model: type[M], path: Path) -> tuple[M, tuple[str, ...]]:
    """Read settings from a TOML file; whatever is wrong in it falls back to its default.

    Returns
    -------
    settings : M
        Always usable.
    warnings : tuple of str
        One for each key that was not taken, naming it; one naming the file if it could not be read at all.

    Raises
    ------
    ConfigError
        If the model has settings without a default, and the file doesn't give them.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return validate(model, {}), (
            f"{path} could not be read, so all settings take their defaults: {error}",
        )
    warnings: list[str] = []
    while True:
        try:
            return model.model_validate(_known(model, values, warnings)), tuple(warnings)
        except ValidationError as error:
            wrong = {str(detail["loc"][0]): detail for detail in error.errors() if detail["loc"]}
            given = {key: detail for key, detail in wrong.items() if key in values}
            if not given:  # a default is missing, or the keys do not fit together
                raise ConfigError("; ".join(_sentence(detail) for detail in error.errors())) from error
            for key, detail in given.items():
                del values[key]
                warnings.append(f"{_sentence(detail)}; it takes its default")


def _known(model: type[BaseModel], values: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    known = _keys(model)
    for key in [key for key in values if key not in known]:
        del values[key]
        warnings.append(f"setting {key!r} is unknown and was left out; {nearest(key, known)}")
    return values


def _keys(model: type[BaseModel]) -> set[str]:
    fields = model.model_fields.items()
    return {name for name, _ in fields} | {field.alias for _, field in fields if field.alias}


def _sentence(detail: Any) -> str:
    key = ".".join(str(part) for part in detail["loc"]) or "all settings together"
    if detail["type"] == "missing":
        return f"setting {key!r} is missing"
    return f"setting {key!r} cannot be {detail['input']!r}: {detail['msg']}"
