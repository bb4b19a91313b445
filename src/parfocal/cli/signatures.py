"""Commands and their types, as the command line shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parfocal.ipc import CommandInfo

_QUOTED_OR_MODULE = re.compile(r"(?P<quoted>'[^']*')|(?:\b[A-Za-z_]\w*\.)+(?=[A-Za-z_])")


def signature(info: CommandInfo) -> str:
    """Return a command as it is called, and what it returns."""
    parts = (
        f"{p.name}: {short_type(p.type)}" + ("" if p.required else f" = {p.default}") for p in info.parameters
    )
    returns = "" if info.returns == "None" else f" -> {short_type(info.returns)}"
    return f"{info.name}({', '.join(parts)}){returns}"


def short_type(text: str) -> str:
    """Return a type as people say it: without the modules that its names come from.

    Examples
    --------
    >>> short_type("dict[str, typing.Any] | parfocal.analysis.beads.rois.RoiSet")
    'dict[str, Any] | RoiSet'
    >>> short_type("typing.Literal['go.on', 'stop'] | numpy.ndarray[tuple[typing.Any, ...]]")
    "Literal['go.on', 'stop'] | ndarray[tuple[Any, ...]]"
    """
    return _QUOTED_OR_MODULE.sub(lambda found: found["quoted"] or "", text)
