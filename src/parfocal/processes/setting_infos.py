"""What a model says of its settings: type, default, limits, choices, unit, and what its docstring says."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED = ""
"""The default of a setting that has none."""
STARS = str(SecretStr("secret"))
"""What is shown in place of a secret."""
_LIMITS = {"at_least": "ge", "above": "gt", "at_most": "le", "below": "lt", "multiple_of": "multiple_of"}
"""Our words, and those of pydantic and msgspec."""
_PLAIN_UNITS = "s ms us ns nm um mm m px deg turns e adu um2 frame"
_UNITS = {unit: unit for unit in _PLAIN_UNITS.split()}
_UNITS |= {"hz": "Hz", "khz": "kHz", "mhz": "MHz", "pn": "pN", "v": "V", "mv": "mV", "db": "dB", "mb": "MB"}
_UNITS |= {"kt": "kT", "percent": "%", "c": "C", "k": "K"}
"""The last words of names, and the unit that each stands for."""
_ENTRY = re.compile(r"^(\w[\w, ]*?)(?: : .*)?\n((?:[ ].*\n?|\n)+)", re.MULTILINE)


class SettingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: type, default (`REQUIRED` if it has none), and what it means, "" if nobody says."""

    name: str
    type: str
    default: str
    meaning: str = ""


class SettingLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """Which numbers a setting takes: a limit that nobody declares is None."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    multiple_of: float | None = None


class SettingField(NamedTuple):
    """What a model declares of one setting; `extras` are what stands beside its type, such as limits."""

    name: str
    type: Any
    extras: tuple[Any, ...]
    required: bool
    default: Any


def describe_settings(model: type[Any] | None) -> tuple[SettingInfo, ...]:
    """Return the settings of a pydantic model or a msgspec Struct, with what its docstring says of them."""
    if model is None:
        return ()
    meanings = setting_meanings(model)
    return tuple(
        SettingInfo(
            name=each.name,
            type=type_text(each.type),
            default=REQUIRED if each.required else _text(each.default),
            meaning=meanings.get(each.name, ""),
        )
        for each in setting_fields(model)
    )


def setting_fields(model: type[Any]) -> Iterator[SettingField]:
    """Yield what a pydantic model or a msgspec Struct declares, a setting's alias in place of its name."""
    if issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            required = field.is_required()
            default = None if required else field.get_default(call_default_factory=True)
            yield SettingField(
                field.alias or name, field.annotation, tuple(field.metadata), required, default
            )
        return
    for each in msgspec.structs.fields(model):
        default = None if each.required else each.default
        made = each.default_factory() if callable(each.default_factory) else default
        yield SettingField(each.name, each.type, (), each.required, made)


def limits_of(annotation: Any, extras: tuple[Any, ...] = ()) -> SettingLimits | None:
    """Return which numbers a type takes, by what stands beside it; None if it doesn't say.

    Examples
    --------
    >>> from pydantic import Field
    >>> limits_of(Annotated[float, Field(gt=0, le=1)] | None)
    SettingLimits(above=0, at_most=1)
    """
    found: dict[str, float] = {}
    for each in _extras(annotation, extras):
        for name, word in _LIMITS.items():
            limit = getattr(each, word, None)
            if isinstance(limit, int | float):
                found[name] = limit
    return SettingLimits(**found) if found else None


def choices_of(annotation: Any) -> tuple[Any, ...]:
    """Return the values that a type names one by one, such as those of a `Literal`; none if it names none.

    Examples
    --------
    >>> choices_of(Literal["latch", "off"] | None), choices_of(float)
    (('latch', 'off'), ())
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return parts
    if origin in (Annotated, Union, UnionType):
        within = parts[:1] if origin is Annotated else parts
        return tuple(choice for each in within for choice in choices_of(each))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(member.value for member in annotation)
    return ()


def unit_of(name: str) -> str:
    """Return the unit that the name of a setting ends with; "" if it has none.

    Examples
    --------
    >>> unit_of("exposure_ms"), unit_of("options.gain_e_per_adu"), unit_of("read_noise_e"), unit_of("slots")
    ('ms', 'e/adu', 'e', '')
    """
    words = name.rpartition(".")[2].split("_")
    unit = _UNITS.get(words[-1], "") if len(words) > 1 else ""
    above = _UNITS.get(words[-3], "") if len(words) > 3 and words[-2] == "per" else ""
    return f"{above}/{unit}" if above and unit else unit


def is_secret(annotation: Any) -> bool:
    """Whether a value of this type may be a secret, such as a password.

    Examples
    --------
    >>> is_secret(SecretStr | None), is_secret(str)
    (True, False)
    """
    return annotation is SecretStr or any(map(is_secret, get_args(annotation)))


def _extras(annotation: Any, extras: tuple[Any, ...]) -> Iterator[Any]:
    """Yield what stands beside a type, or beside one of those that it may be."""
    for each in extras:
        yield each
        yield from getattr(each, "metadata", ())  # of a pydantic Field
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _extras(parts[0], parts[1:])
    elif origin in (Union, UnionType):
        for part in parts:
            yield from _extras(part, ())


def type_text(annotation: Any) -> str:
    """Return a type as people say it: without modules and limits, choices by their values.

    Examples
    --------
    >>> type_text(Annotated[float | None, "a limit"]), type_text(dict[str, Literal["block", "drop"]])
    ('float | None', "dict[str, 'block' | 'drop']")
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(parts[0])
    if origin is Literal:
        return " | ".join(map(repr, parts))
    if origin in (Union, UnionType):
        return " | ".join(map(type_text, parts))
    if origin is not None:
        return f"{type_text(origin)}[{', '.join(map(type_text, parts))}]"
    if annotation in (None, NoneType, ...):
        return "..." if annotation is ... else "None"
    return str(getattr(annotation, "__name__", annotation))


def _text(default: Any) -> str:
    return repr(str(default) if isinstance(default, Path) else default)


def setting_meanings(model: type[Any]) -> dict[str, str]:
    """Return what the docstrings of a model and its bases say of each setting."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        _, _, entries = inspect.cleandoc(each.__doc__ or "").partition("Parameters\n----------\n")
        entries = re.split(r"\n\n?\w[^\n]*\n-+\n", entries)[0]
        for names, text in _ENTRY.findall(entries + "\n"):
            found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found
