"""What of a rig differs from how it was when a run began that is to be recovered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parfocal.runs.instruments.rig_facts import RigFacts, changes

if TYPE_CHECKING:
    from parfocal.core.modulation import ModulatorCalibration
    from parfocal.runs.plans.survey import PlanSurvey


def differences(before: RigFacts, now: RigFacts, wanted: PlanSurvey) -> tuple[str, ...]:
    """Return what of the instruments has changed, in words: frames, channels, limits, calibration.

    Parameters
    ----------
    before, now : RigFacts
        When the run began, and now.
    wanted : PlanSurvey
        What the events need that are left.

    Examples
    --------
    >>> from parfocal.runs.plans.survey import PlanSurvey
    >>> differences(RigFacts(axes={"z": (0.0, 9.0)}), RigFacts(axes={"z": (0.0, 5.0)}), PlanSurvey())
    ('z went from 0 to 9 um, and goes from 0 to 5 um',)
    """
    told = list(changes(before, now, wanted, frozenset()))
    for axis, (low, high) in before.axes.items():
        reach = now.axes.get(axis)
        if reach is None:
            told.append(f"there is no stage for {axis} any more")
        elif reach != (low, high):
            told.append(f"{axis} went from {_told((low, high))} um, and goes from {_told(reach)} um")
    for light, powers in before.powers.items():
        takes = now.powers.get(light)
        if takes != powers:
            told.append(f"light {light!r} took powers {_told(powers)}, and takes {_told(takes)}")
    if before.exposure_ms != now.exposure_ms:
        told.append(f"exposures were {_told(before.exposure_ms)} ms, and are {_told(now.exposure_ms)} ms")
    if _place(before.calibration) != _place(now.calibration):
        told.append(f"the modulator {_calibrated(before.calibration)}, and {_calibrated(now.calibration)}")
    return tuple(told)


def changed_values(
    before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return which settings, or versions, of services differ, in words.

    Parameters
    ----------
    before, now : mapping of str to mapping
        By service; those that are in one of them alone are told, too.

    Examples
    --------
    >>> changed_values({"camera": {"slots": 8, "roi": {"x": 1}}}, {"camera": {"slots": 9, "roi": {"x": 1}}})
    ('camera.slots was 8, and is 9',)
    >>> changed_values({"z": {}}, {"magnet": {}})
    ('there is no service z any more', 'service magnet is new')
    """
    told = [f"there is no service {name} any more" for name in before if name not in now]
    told += [f"service {name} is new" for name in now if name not in before]
    for name in (name for name in before if name in now):
        was, stands = _flat(name, before[name]), _flat(name, now[name])
        told += [
            f"{path} was {_shown(was.get(path))}, and is {_shown(stands.get(path))}"
            for path in (was | stands)
            if was.get(path) != stands.get(path)
        ]
    return tuple(told)


def _shown(value: Any) -> str:
    return "not set" if value is None or value == "" else str(value)


def _flat(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {path: list(value) if isinstance(value, tuple) else value}
    return {inner: one for key, item in value.items() for inner, one in _flat(f"{path}.{key}", item).items()}


def _told(reach: tuple[float, float] | None) -> str:
    return "nobody knows which" if reach is None else f"{reach[0]:g} to {reach[1]:g}"


def _place(calibration: ModulatorCalibration | None) -> Any:
    return None if calibration is None else (calibration.to_modulator, calibration.modulator_shape)


def _calibrated(calibration: ModulatorCalibration | None) -> str:
    if calibration is None:
        return "is not calibrated"
    rows = "; ".join(", ".join(f"{value:.6g}" for value in row) for row in calibration.to_modulator)
    return f"is calibrated with ({rows})"
