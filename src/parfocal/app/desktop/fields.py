"""What a form asks for: parameters of commands and settings of services as fields. Pure."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from parfocal.processes.setting_infos import unit_of
from parfocal.processes.setting_status import SettingStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.ipc import CommandInfo
    from parfocal.ipc.commands import ParameterInfo

FieldKind = Literal["number", "integer", "truth", "choice", "text", "plain"]
"""What a field takes; "plain": anything, written as JSON."""
Limits = tuple[float | None, float | None]
_SIGNS = {"um": "µm", "um2": "µm²", "us": "µs", "deg": "°", "C": "°C"}
_KINDS: dict[str, FieldKind] = {"float": "number", "int": "integer", "bool": "truth", "str": "text"}
_MODULES = re.compile(r"\b(?:[A-Za-z_]\w*\.)+")
_SHOWN = 6
_SOURCES = {
    "default": "by default",
    "file": "from the rig file",
    "kept": "kept for all starts of the rig",
    "set": "set for this start of the rig",
    "live": "changed since the start",
}
_APPLIES = {"live": "", "restart": "needs a restart of the service", "rig": "needs a restart of the rig"}


class FormField(NamedTuple):
    """One thing that a form asks for.

    Attributes
    ----------
    name : str
        As the service calls it.
    kind : FieldKind
        What it takes.
    optional : bool
        Whether it may be left empty, for None.
    choices : tuple
        The values of a "choice".
    low, high : float or None
        Limits of a number.
    default : Any
        What it begins with; None if nobody says.
    tip : str
        What it means.
    """

    name: str
    kind: FieldKind
    optional: bool = False
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    default: Any = None
    tip: str = ""

    @property
    def label(self) -> str:
        """Its name in words, without the unit."""
        return label_of(self.name)

    @property
    def unit(self) -> str:
        """Its unit; "" for none."""
        return unit_text(self.name)


def label_of(name: str) -> str:
    """Return a name in words, without its unit.

    Examples
    --------
    >>> label_of("exposure_ms"), label_of("rate_pn_per_s"), label_of("axis")
    ('exposure', 'rate', 'axis')
    """
    words = name.rpartition(".")[2].split("_")
    unit = unit_of(name)
    kept = words[: -3 if "/" in unit else -1] if unit else words
    return " ".join(kept or words)


def unit_text(name: str) -> str:
    """Return the unit that a name ends with as people write it; "" for none.

    Examples
    --------
    >>> unit_text("field_um"), unit_text("rate_pn_per_s"), unit_text("seconds")
    ('µm', 'pN/s', '')
    """
    return shown_unit(unit_of(name))


def shown_unit(unit: str) -> str:
    """Return a unit as people write it.

    Examples
    --------
    >>> shown_unit("um"), shown_unit("um/s"), shown_unit("nm")
    ('µm', 'µm/s', 'nm')
    """
    return "/".join(_SIGNS.get(part, part) for part in unit.split("/"))


def parameter_field(parameter: ParameterInfo, limits: Mapping[str, Limits] = {}, tip: str = "") -> FormField:
    """Return the field of a command's parameter.

    Examples
    --------
    >>> from parfocal.ipc.commands import ParameterInfo
    >>> info = ParameterInfo(name="policy", type="Optional[typing.Literal['go', 3]]", required=False)
    >>> field = parameter_field(info)
    >>> field.kind, field.choices, field.optional
    ('choice', ('go', 3), True)
    >>> parameter_field(ParameterInfo(name="a", type="dict[str, float] | None", required=True)).kind
    'plain'
    """
    low, high = limits.get(parameter.name, (None, None))
    kind, optional, choices = kind_of(parameter.type)
    default = None
    if not parameter.required:
        try:
            default = ast.literal_eval(parameter.default)
        except (ValueError, SyntaxError):  # an object of its own: to leave it empty is to leave it to that
            optional = True
    return FormField(parameter.name, kind, optional, choices, low, high, default, tip)


def kind_of(annotation: str) -> tuple[FieldKind, bool, tuple[Any, ...]]:
    """Return what a type takes, whether that may be None, and its choices.

    Examples
    --------
    >>> kind_of("float | None"), kind_of("pathlib.Path"), kind_of("typing.Literal['a', 'b']")
    (('number', True, ()), ('text', False, ()), ('choice', False, ('a', 'b')))
    """
    text = _MODULES.sub("", annotation).strip()
    optional = False
    if found := re.fullmatch(r"Optional\[(.*)\]", text):
        text, optional = found[1], True
    elif text.endswith("| None"):
        text, optional = text.removesuffix("| None").strip(), True
    elif (found := re.fullmatch(r"Union\[(.*), NoneType\]", text)) is not None:
        text, optional = found[1], True
    if text == "Path":
        return "text", optional, ()
    if (found := re.fullmatch(r"Literal(\[[^\]]*\])", text)) is not None:
        return "choice", optional, tuple(ast.literal_eval(found[1]))
    return _KINDS.get(text, "plain"), optional, ()


def setting_field(setting: SettingStatus) -> FormField:
    """Return the field of a setting.

    Examples
    --------
    >>> setting = SettingStatus(name="poll_s", value=0.01, source="file", type="float")
    >>> setting_field(setting).kind, setting_field(setting).tip
    ('number', 'from the rig file')
    """
    kind, optional, choices = kind_of(setting.type)
    if setting.choices:
        kind, choices = "choice", setting.choices
    limits = setting.limits
    low = None if limits is None else limits.above if limits.at_least is None else limits.at_least
    high = None if limits is None else limits.below if limits.at_most is None else limits.at_most
    lines = (setting.meaning, _SOURCES[setting.source], _APPLIES[setting.applies])
    tip = "\n".join(line for line in lines if line)
    return FormField(setting.name, kind, optional, choices, low, high, setting.value, tip)


def is_simple(info: CommandInfo) -> bool:
    """Whether a form can ask for all that a command takes without JSON."""
    kinds = [(kind_of(parameter.type)[0], parameter.required) for parameter in info.parameters]
    return not any(kind == "plain" and required for kind, required in kinds)


def parameter_tip(info: CommandInfo, name: str) -> str:
    """Return what the docstring of a command says of a parameter; "" if nothing."""
    _, _, entries = info.doc.partition("Parameters\n----------\n")
    found = re.search(rf"(?m)^(?:\w+, )*{name}(?:, \w+)*(?: : .*)?\n((?:    .*\n?)+)", entries)
    return " ".join(found[1].split()) if found else ""


def value_text(value: Any) -> str:
    """Return a value as people read it in passing.

    Examples
    --------
    >>> value_text(0.30000000000000004), value_text(None), value_text({"z": 2.0}), value_text([1.5] * 9)
    ('0.3', 'none', 'z 2', '1.5, 1.5, 1.5, 1.5, 1.5, 1.5, … (9)')
    """
    value = msgspec.to_builtins(value, enc_hook=_shape) if not isinstance(value, bytes) else "bytes"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        parts = [f"{name} {value_text(each)}" for name, each in value.items()]
    elif isinstance(value, list | tuple):
        parts = [value_text(each) for each in value[:_SHOWN]]
        parts += [f"… ({len(value)})"] if len(value) > _SHOWN else []
    else:
        return str(value)
    return ", ".join(parts)


def _shape(value: Any) -> Any:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else str(value)
