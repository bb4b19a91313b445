"""Autofocus plans of useq-schema: they say when to look; how far has to be told beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.useq_fields import told

if TYPE_CHECKING:
    from useq import MDASequence

_KNOWN = ("axes", "autofocus_device_name")


def imported_autofocus(given: MDASequence, how: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the `autofocus` of the sequence that has the same searches; None for none.

    Parameters
    ----------
    given : MDASequence
        Its plan is carried out with the camera, whichever device it names.
    how : mapping or None
        ``range``, ``step`` and whatever else `Autofocus` has beside ``frames`` and ``positions``.

    Raises
    ------
    BadInputError
        If it is not told how far, or it is to look at other times than here.
    """
    plan = given.autofocus_plan
    if plan is None:
        if how is not None:
            raise BadInputError(f"autofocus: {dict(how)!r} is given, and the sequence has no autofocus_plan")
        return None
    if how is None:
        raise BadInputError(
            "autofocus_plan: useq-schema does not say how far to look: import it by plan_from_useq(sequence, "
            "autofocus={'range': 20, 'step': 2}), in um"
        )
    if named := how.keys() & {"frames", "positions"}:
        raise BadInputError(f"autofocus.{min(named)}: the autofocus_plan says that; leave it out")
    told(plan, _KNOWN, "autofocus_plan.")
    return {**how, **_when(given, set(plan.axes))}


def _when(given: MDASequence, axes: set[str]) -> dict[str, Any]:
    """Return frames and positions: it looks whenever one of the axes has changed since the last event."""
    order, positions = "".join(given.axis_order), len(given.stage_positions)
    if beyond := axes - set("tpg"):
        raise BadInputError(
            f"autofocus_plan.axes: {min(beyond)!r} of useq-schema cannot be done here; it looks before the "
            "images of a position: name t and p"
        )
    if not axes & set(given.used_axes):
        raise BadInputError(f"autofocus_plan.axes: {sorted(axes)} are none of the sequence's; name t or p")
    if given.grid_plan is not None and positions > 1 and len(axes & set("pg")) == 1:
        raise BadInputError(
            "autofocus_plan.axes: a tile of a grid is a position here: name p and g, or neither"
        )
    tiles = given.grid_plan is not None and "g" in axes
    each_place = tiles or (positions > 1 and "p" in axes)
    each_time = "t" in axes and given.time_plan is not None
    if order.find("t") < order.find("p" if positions > 1 else "g"):
        frames = "all" if each_place or each_time else 0
        return {"frames": frames, "positions": "each" if each_place else "first"}
    frames = "all" if each_time else 0
    return {"frames": frames, "positions": "each" if each_time or each_place else "first"}
