"""Which axis of a stage is meant: by its name, or by what it is measured in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError, nearest
from parfocal.core.protocols import LENGTHS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from parfocal.core.protocols import Axis, Unit


def choose_axis(axes: Sequence[Axis], name: str, stage: str, units: Collection[Unit] = ()) -> Axis:
    """Return one axis of a stage.

    Parameters
    ----------
    axes : sequence of Axis
        Those that it has.
    name : str
        "" for the only one that is measured in one of `units`; without these for the only one, or the only
        one that is a length: the height of a magnet that turns, too.
    stage : str
        What an error calls it.
    units : collection of Unit
        In which it may be measured; any, if there are none.

    Raises
    ------
    BadInputError
        If there is no such axis, or it is measured in something else; names those that there are.

    Examples
    --------
    >>> from parfocal.core.protocols import ANGLES, Axis
    >>> height = Axis(name="height", unit="um", low=0.0, high=5e3, speed=1e3)
    >>> rotation = Axis(name="rotation", unit="deg", low=-1e4, high=1e4, speed=360.0)
    >>> choose_axis([height, rotation], "", "magnet").name
    'height'
    >>> choose_axis([height, rotation], "", "magnet", ANGLES).name
    'rotation'
    >>> choose_axis([height, rotation], "height", "magnet", ANGLES)
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: axis 'height' of 'magnet' is measured in um, not in deg or turn
    """
    known = {axis.name: axis for axis in axes}
    if not name:
        wanted = units or (LENGTHS if len(known) > 1 else ())
        fitting = [axis for axis in axes if not wanted or axis.unit in wanted]
        if len(fitting) != 1:
            raise BadInputError(
                f"stage {stage!r} has {len(fitting)} axes in {' or '.join(wanted)}; name one of its axes: "
                f"{', '.join(known)}"
            )
        return fitting[0]
    if name not in known:
        raise BadInputError(f"stage {stage!r} has no axis {name!r}; {nearest(name, known)}")
    if units and known[name].unit not in units:
        raise BadInputError(
            f"axis {name!r} of {stage!r} is measured in {known[name].unit}, not in {' or '.join(units)}"
        )
    return known[name]
