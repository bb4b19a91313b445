"""What objects of useq-schema say beyond their defaults, refused by name where it cannot be done here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from pydantic import BaseModel

_INSTEAD = {
    "keep_shutter_open_across": "the light is off between exposures: leave it out",
    "setup": "set the instruments before the run, by `rig.call` or a preset",
    "autofocus_plan": "give one for the whole sequence",
    "autofocus_motor_offset": "give the channel in which it looks a z_offset",
    "properties": "put them into a channel's preset",
    "slm_image": "write it as stim_channels",
    "roi": "set the camera's region before the run",
    "action": "leave it out, or write wait(), confirm() or autofocus in its place",
    "group": "name a channel's preset by config alone",
    "camera": "choose the camera in the rig file, [runs] camera",
    "prioritize_duration": "every time point is acquired here: leave it out",
    "time_plan": "write a sequence for each position, and join them by combine(..., axis='p')",
}


def told(model: BaseModel, known: Iterable[str], where: str) -> dict[str, Any]:
    """Return those fields of an object of useq-schema that are not as by default.

    Raises
    ------
    BadInputError
        If one of them is not known here; names it, its value and what to do instead.
    """
    found = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if value == field.get_default(call_default_factory=True):
            continue
        if name not in known:
            instead = _INSTEAD.get(name, "leave it out")
            raise BadInputError(f"{where}{name}: {value!r} of useq-schema cannot be done here; {instead}")
        found[name] = value
    return found
