"""Settings of a service: one pydantic model, checked as a whole at each change, kept as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    SecretStr,
    SerializationInfo,
    ValidationError,
)
from pydantic_core import PydanticSerializationError

from parfocal.core.errors import ConfigError
from parfocal.core.files import save_file
from parfocal.processes.setting_layers import with_values
from parfocal.processes.validation import explain, known_keys, unknown_keys, validate

M = TypeVar("M", bound=BaseModel)


def _shown(secret: SecretStr, info: SerializationInfo) -> str:
    return secret.get_secret_value() if info.context == _WITH_SECRETS else str(secret)


def _unmasked(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value() == str(secret):
        raise ValueError(
            "this is what is shown in place of a secret: give the secret itself, or leave it out"
        )
    return secret


_WITH_SECRETS = {"secrets": True}
Secret = Annotated[
    SecretStr,
    PlainSerializer(_shown, return_type=str, when_used="json"),
    AfterValidator(_unmasked),
]
"""A setting such as a password: only asterisks of it are shown, recorded and published."""


class NoSettings(BaseModel):
    """The model of a service that has nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def changed(current: M, changes: Mapping[str, Any]) -> M:
    """Return `current` with `changes`, checked as a whole; `current` itself stays as it is.

    A change inside a group of settings is addressed by its path, such as "options.exposure_ms".

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
    keys = known_keys(type(current))
    given = current.model_dump(by_alias=True, exclude_unset=True)
    named = {}
    for path, value in changes.items():
        key, dot, rest = path.partition(".")
        named[f"{keys.get(key, key)}{dot}{rest}"] = value
    return validate(type(current), with_values(given, named))


def kept_for_restart(settings: BaseModel) -> dict[str, Any]:
    """Return `plain` settings, secrets as well, once it is sure that they give the same settings again.

    Raises
    ------
    ConfigError
        A line for each setting that would be another one, with its value and what to do.

    Examples
    --------
    >>> class Limits(BaseModel):
    ...     lower: float = 0.0
    ...     upper: Any = 1.0
    >>> kept_for_restart(Limits(lower=float("-inf")))
    {'lower': -inf, 'upper': 1.0}
    >>> kept_for_restart(Limits(upper=float("inf")))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    parfocal.core.errors.ConfigError: upper: inf would be None after a restart; choose another value, ...
    """
    model = type(settings)
    try:
        kept = plain(settings, secrets=True)
    except PydanticSerializationError as error:
        raise ConfigError(f"settings {settings!r} cannot be kept for a restart: {error}") from error
    again = validate(model, kept, "choose another value, this one cannot be set again after a restart: ")
    lines = [
        f"{key}: {value!r} would be {back!r} after a restart; choose another value, or have its type changed"
        for key, value, back in (
            (field.alias or name, getattr(settings, name), getattr(again, name))
            for name, field in model.model_fields.items()
        )
        if not same(value, back)
    ]
    if lines:
        raise ConfigError("\n".join(lines))
    return kept


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; what is not a number is so to itself."""
    if isinstance(one, BaseModel):
        return type(one) is type(other) and same(dict(one), dict(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)


def plain(settings: BaseModel, *, secrets: bool = False) -> dict[str, Any]:
    """Return settings, by alias, as values that JSON and messages can hold; `secrets` for the service alone.

    Examples
    --------
    >>> class Login(BaseModel):
    ...     password: Secret
    >>> login = Login(password="open sesame")
    >>> plain(login), plain(login, secrets=True)
    ({'password': '**********'}, {'password': 'open sesame'})
    """
    return settings.model_dump(mode="json", by_alias=True, context=_WITH_SECRETS if secrets else None)


def export_toml(settings: BaseModel, path: Path) -> None:
    """Write settings to a TOML file. TOML has no null: a setting that is None is left to its default."""
    import tomli_w

    values = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    save_file(path, tomli_w.dumps(values).encode())


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
        unread = f"{path} could not be read, so all settings take their defaults: {error}"
        return validate(model, {}), (unread,)
    unknown = unknown_keys(model, values)
    values = {key: value for key, value in values.items() if key not in unknown}
    warnings = [f"{line}; it was left out" for line in unknown.values()]
    while True:
        try:
            return model.model_validate(values), tuple(warnings)
        except ValidationError as error:
            wrong = {str(problem["loc"][0]): problem for problem in error.errors() if problem["loc"]}
            given = {key: problem for key, problem in wrong.items() if key in values}
            if not given:  # a default is missing, or the keys do not fit together
                raise ConfigError("\n".join(explain(model, each) for each in error.errors())) from error
            for key, problem in given.items():
                del values[key]
                warnings.append(f"{explain(model, problem)}; it was left out")
