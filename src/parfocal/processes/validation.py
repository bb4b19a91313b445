"""Values checked against a pydantic model, with an error that names each key and the nearest known one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, ValidationError

from parfocal.core.errors import BadInputError, ConfigError, nearest

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], values: Mapping[str, Any], where: str = "", *, top: Collection[str] = ()) -> M:
    """Return the model that `values` describe; what is missing takes the model's default.

    Parameters
    ----------
    where : str
        What each line of an error begins with.
    top : collection of str
        Keys of the TOML file that holds `values`, before its first table: an unknown key of a table that is
        one of them is told to belong there.

    Raises
    ------
    ConfigError
        A line for each key that is unknown, missing or wrong, with its value and what it should be.

    Examples
    --------
    >>> class Lamp(BaseModel):
    ...     power: float = 0.0
    >>> validate(Lamp, {"power": 1}).power
    1.0
    >>> validate(Lamp, {"powr": 1}, "lamp.toml: ")
    Traceback (most recent call last):
    parfocal.core.errors.ConfigError: lamp.toml: unknown key 'powr'; did you mean 'power'?
    """
    unknown = unknown_keys(model, values, top)
    lines = list(unknown.values())
    try:
        made = model.model_validate({key: value for key, value in values.items() if key not in unknown})
        if not lines:
            return made
    except ValidationError as error:
        lines += [explain(model, problem, top) for problem in error.errors(include_url=False)]
    except BadInputError as error:
        lines.append(str(error))
    raise ConfigError("\n".join(f"{where}{line}" for line in lines))


def unknown_keys(
    model: type[BaseModel], values: Mapping[str, Any], top: Collection[str] = ()
) -> dict[str, str]:
    """Return the keys that the model does not have, each with a line that says so.

    Also of a model that would ignore them: what is written without effect is a mistake.
    """
    known = known_keys(model)
    if model.model_config.get("extra") == "allow":
        return {}
    return {key: _unknown(key, known, top) for key in values if key not in known}


def known_keys(model: type[BaseModel]) -> dict[str, str]:
    """Return the keys that the model takes: a setting's alias, if it has one, stands for it outside.

    Returns
    -------
    dict
        For each key the one that `plain` gives: another one only for a name that is taken beside its alias.
    """
    keys = {field.alias or name: field.alias or name for name, field in model.model_fields.items()}
    config = model.model_config
    if config.get("populate_by_name") or config.get("validate_by_name"):
        keys |= {name: field.alias or name for name, field in model.model_fields.items()}
    return keys


def setting_type(model: Any, path: Sequence[str], settings: Mapping[str, Any]) -> Any:
    """Return the declared type of a setting; `Any` if nobody declares one.

    Parameters
    ----------
    model : type or None
        A pydantic model or a msgspec Struct. What it leaves open, such as the options of a device that is
        named beside them, is asked from its ``inner_settings(setting, settings)``, if it has that.
    path : sequence of str
        The setting's name; before it, those of the settings that it is in.
    settings : mapping
        What is set already, inside `model`.

    Examples
    --------
    >>> class Lamp(BaseModel):
    ...     serial: str = ""
    ...     powers: dict[str, float] = {}
    >>> setting_type(Lamp, ["serial"], {}), setting_type(Lamp, ["powers", "left"], {})
    (<class 'str'>, <class 'float'>)
    """
    name, *inside = path
    declared = _field_types(model).get(name, Any)
    if not inside:
        return declared
    given = settings.get(name)
    inner = inner_model(model, name, settings)
    if inner is not None:
        return setting_type(inner, inside, given if isinstance(given, Mapping) else {})
    values = get_args(declared) if get_origin(declared) is dict else ()
    return values[1] if values and len(inside) == 1 else Any


def inner_model(model: Any, name: str, settings: Mapping[str, Any]) -> Any:
    """Return the model of what is inside a setting, such as the options of a device; None if it has none.

    Parameters
    ----------
    model : type or None
        A pydantic model or a msgspec Struct.
    settings : mapping
        What is set already, inside `model`: it may name the device.

    Examples
    --------
    >>> class Lamp(BaseModel):
    ...     power: float = 0.0
    >>> from pydantic import create_model
    >>> Lab = create_model("Lab", lamp=(Lamp | None, None), lamps=(dict[str, Lamp], {}))
    >>> inner_model(Lab, "lamp", {}) is Lamp, inner_model(Lab, "lamps", {})
    (True, None)
    """
    ask = getattr(model, "inner_settings", None)
    return (ask and ask(name, settings)) or _model_of(_field_types(model).get(name))


def _model_of(annotation: Any) -> Any:
    """Return the model that a value of this type is, itself; None if it may be none, or holds some."""
    origin = get_origin(annotation)
    if origin in (Annotated, Union, UnionType):
        return next((found for each in get_args(annotation) if (found := _model_of(each))), None)
    is_model = (
        isinstance(annotation, type) and origin is None and issubclass(annotation, BaseModel | msgspec.Struct)
    )
    return annotation if is_model else None


def _field_types(model: Any) -> dict[str, Any]:
    """Return the type of each key that a model takes."""
    if isinstance(model, type) and issubclass(model, msgspec.Struct):
        return {field.name: field.type for field in msgspec.structs.fields(model)}
    if isinstance(model, type) and issubclass(model, BaseModel):
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        return {key: fields[alias] for key, alias in known_keys(model).items()}
    return {}


def explain(model: type[BaseModel], problem: Any, top: Collection[str] = ()) -> str:
    """Return in a line what is wrong with which key: one of the problems of a ``ValidationError``."""
    location = tuple(problem["loc"])
    key = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        return _unknown(key, _known_keys(model, location[:-1]), top)
    if problem["type"] == "missing":
        return f"key {key!r} is missing"
    value = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r})"
    return f"{key + ': ' if key else ''}{problem['msg'].removeprefix('Value error, ')}{value}"


def _unknown(key: str, known: Collection[str], top: Collection[str]) -> str:
    name = key.rpartition(".")[2]
    of_file = f"; the {name!r} of the whole file stands before its first [table]" if name in top else ""
    return f"unknown key {key!r}; {nearest(name, known)}{of_file}"


def _known_keys(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Return the keys of the model that sits at `location` inside `model`."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None:
            continue  # a key of a dict: its values' model was found one step before
        model = next(iter(_models_in(field.annotation)), model)
    return list(known_keys(model))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in getattr(annotation, "__args__", ()) for found in _models_in(argument)]
