"""What a rig cannot do of a plan, told before anything is touched. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from parfocal.core.channels import ChannelPreset
from parfocal.core.errors import BadInputError, nearest
from parfocal.runs.disk_forecast import disk_forecast
from parfocal.runs.status_text import parts_text

if TYPE_CHECKING:
    from parfocal.runs.disk_forecast import DiskForecast
    from parfocal.runs.instruments.rig_facts import RigFacts
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.survey import PlanSurvey

_MOST_TOLD = 5
_MOST_COMPRESSED = 4
"""Frames of a camera are not compressed to less than a quarter; what may or may not fit, a forecast tells."""
_POWERS = (0.0, 1.0)
"""Of a light that does not say what it takes."""
OLD_DAYS = 7.0
"""A calibration of a modulator that is older is warned of."""
_PHASE_NAMES = ("phase", "phase_name")


def preflight(wanted: PlanSurvey, facts: RigFacts, *, appended: bool = False) -> None:
    """Refuse what the rig cannot do.

    Parameters
    ----------
    wanted : PlanSurvey
        What the events need.
    facts : RigFacts
        What the instruments are like.
    appended : bool
        Whether the events are added to others: they may have no frames then.

    Raises
    ------
    BadInputError
        Naming the events by number and index, the values, and what to do; of many problems the first five.
    """
    refuse(
        [
            *_emptiness(wanted, appended),
            *light_problems(wanted, facts),
            *_problems(wanted, facts),
            *_disk_problems(disk_forecast(wanted, facts), facts.disk_free_bytes),
        ]
    )


def refuse(problems: list[str]) -> None:
    """Raise `BadInputError` with the first five problems, if there are any."""
    if problems:
        more = f"; and {len(problems) - _MOST_TOLD} more" if len(problems) > _MOST_TOLD else ""
        raise BadInputError("; ".join(problems[:_MOST_TOLD]) + more)


def light_problems(wanted: PlanSurvey, facts: RigFacts) -> Iterator[str]:
    """Yield what the rig's channels, camera and lights do not take."""
    for event in wanted.lights.values():
        for problem in _light_problems(event, facts):
            yield f"{told_event(event)}: {problem}"


def check_masks(stimuli: Iterable[Event], facts: RigFacts, utc_ns: int) -> str:
    """Refuse masks that would hold no light back, or of which it isn't known where they would light.

    Parameters
    ----------
    stimuli : iterable of Event
        Those that are to have masks, one of each channel.
    facts : RigFacts
        What its instruments are like.
    utc_ns : int
        The time now.

    Returns
    -------
    str
        A warning if the calibration of the modulator is old; "" if not.

    Raises
    ------
    BadInputError
        If a stimulus has a light that the modulator is not before; if that is not calibrated, or for images
        of another shape.
    """
    refuse([told for event in stimuli if (told := _unmasked(event, facts))])
    known = facts.calibration
    if known is None:
        raise BadInputError(
            "the light modulator is not calibrated: nobody knows where a mask would light; call its command "
            "`calibrate` first, as `parfocal call modulator calibrate` does of a rig that is up; it is kept"
        )
    if known.camera_shape != facts.frame_shape:
        raise BadInputError(
            f"the light modulator is calibrated for images of {known.camera_shape}, and the camera's are of "
            f"{facts.frame_shape}; set region and binning as they were, or calibrate again"
        )
    days = known.age_days(utc_ns)
    told = f"{days:.0f} days old (residual {known.residual_px:.2g} px); calibrate again"
    return f"the calibration of the light modulator is {told}" if days > OLD_DAYS else ""


def _unmasked(event: Event, facts: RigFacts) -> str:
    """Return why a mask would not shape the light of a stimulus; "" if it does, or nobody knows."""
    preset = (facts.presets or {}).get(event.channel, ChannelPreset())
    if not facts.masked_lights or preset.light in ("", *facts.masked_lights):
        return ""
    behind = ", ".join(map(repr, facts.masked_lights))
    return (
        f"{told_event(event)}: a stimulus in channel {event.channel!r} is lit by {preset.light!r}, which no "
        f"mask holds back: the light modulator is before {behind}; choose a "
        "channel with such a light, or name the light among the modulator's settings (other_lights)"
    )


def _emptiness(wanted: PlanSurvey, appended: bool) -> Iterator[str]:
    if not wanted.events:
        yield "the plan has no events; give it a position, a channel or a time point"
    elif not (wanted.exposes or wanted.acquires or wanted.calls or appended):
        yield "the plan has no frames: it only waits or asks; add a Sequence, acquire(...) or call(...)"


def _problems(wanted: PlanSurvey, facts: RigFacts) -> Iterator[str]:
    yield from facts.problems
    for axis, ends in wanted.reach.items():
        yield from _reach_problems(axis, ends, facts)
    for event in wanted.metadata:
        names = [name for name in _PHASE_NAMES if event.metadata.get(name) not in (None, "")]
        if names and event.metadata.get("phase_id") is None:
            name = names[0]
            yield (
                f"{told_event(event)}: its metadata has {name} {event.metadata[name]!r} and no phase_id; "
                "number the phases: phase_id = 0, 1, 2 ..."
            )


def _disk_problems(need: DiskForecast, free: int | None) -> Iterator[str]:
    """Yield what cannot fit on the disk, however well it is compressed."""
    if free is not None and need.total > free * _MOST_COMPRESSED:
        told = f" ({parts_text(need.parts)})" if len(need.parts) > 1 else ""
        yield (
            f"{need.frames} frames are {_megabytes(need.total)} MB{told} before compression, and "
            f"{_megabytes(free)} MB are free for the record, too few even if they shrink to "
            f"1 / {_MOST_COMPRESSED} of that: free some space, name another folder, or take fewer frames"
        )


def _light_problems(event: Event, facts: RigFacts) -> Iterator[str]:
    preset = ChannelPreset()
    if event.channel:
        if facts.presets is None:
            yield (
                f"channel {event.channel!r}: the runs of this rig have no service of channels; name one in "
                "its file, or leave the channel out"
            )
            return
        if event.channel not in facts.presets:
            yield f"there is no channel {event.channel!r}; {nearest(event.channel, facts.presets)}"
            return
        preset = facts.presets[event.channel]
        if preset.refused:
            yield f"channel {event.channel!r} {preset.refused}"
            return
    exposure_ms = preset.exposure_ms if event.exposure_ms is None else event.exposure_ms
    if exposure_ms is not None:
        yield from _beyond("exposure_ms", exposure_ms, facts.exposure_ms, "of the camera")
    if event.power is not None and preset.power is None:
        has = "a light that is on or off" if preset.light else "no light"
        yield f"a power of {event.power:g}, and channel {event.channel!r} has {has}; leave the power out"
        return
    power = preset.power if event.power is None else event.power
    if power is not None:
        limits = facts.powers.get(preset.light, _POWERS)
        yield from _beyond("power", power, limits, f"of light {preset.light!r}")


def _beyond(name: str, value: float, limits: tuple[float, float] | None, whose: str) -> Iterator[str]:
    if limits is not None and not limits[0] <= value <= limits[1]:
        yield f"{name} {value:g} is beyond the limits {whose}, {limits[0]:g} to {limits[1]:g}"


def _reach_problems(axis: str, ends: tuple[Event, Event], facts: RigFacts) -> Iterator[str]:
    limits = facts.axes.get(axis)
    for event in {event.number: event for event in ends}.values():
        target = event.targets_um[axis]
        if limits is None:
            known = nearest(axis, facts.axes)
            yield f"{told_event(event)}: it moves {axis}, and no stage of the rig's runs has it; {known}"
            return
        if not limits[0] <= target <= limits[1]:
            yield (
                f"{told_event(event)}: {axis} cannot go to {target:g} um; its limits are {limits[0]:g} to "
                f"{limits[1]:g} um"
            )


def told_event(event: Event) -> str:
    """Return which event it is, in words.

    Examples
    --------
    >>> from parfocal.runs.plans.event import Event
    >>> told_event(Event(number=7, kind="image", index={"t": 3, "p": 1}))
    'event 7 (t=3, p=1)'
    """
    index = ", ".join(f"{axis}={value}" for axis, value in event.index.items())
    return f"event {event.number} ({index})" if index else f"event {event.number}"


def _megabytes(number: int) -> int:
    return -(-number // 10**6)
