"""What the instruments of a run are like, as they told before it. Plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.core.channels import ChannelPreset
from parfocal.core.frames import FrameSpec
from parfocal.core.modulation import ModulatorCalibration

if TYPE_CHECKING:
    from parfocal.runs.plans.survey import PlanSurvey

_STANDS_UM = 0.5
"""A stage that is read this far from where it was stands where it was."""


class RigFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the instruments of a run are like.

    Attributes
    ----------
    found : dict of str to float
        Where each axis stands, um.
    axes : dict of str to (float, float)
        How far each axis goes, um.
    presets : dict of str to ChannelPreset, or None
        The channels; None for a rig without them.
    exposure_ms : tuple of float, or None
        What the camera takes; None if it does not say.
    powers : dict of str to (float, float)
        What each light takes, of those that say it.
    frame : str
        Shape and type of the camera's frames, in words; "" without a camera.
    frame_shape : tuple of int
        Of a frame; empty without a camera.
    field_um : (float, float), or None
        Width and height of what a frame shows; None if the camera does not know its pixel size.
    frame_bytes : int
        Of one frame.
    frame_s : float
        From one frame to the next while the camera runs by itself; 0 if it does not say.
    stored_bytes : dict of str to int
        What the record holds of each frame while the camera runs by itself, in bytes by what is stored.
    disk_free_bytes : int or None
        What a record may take up; None for a run without one.
    problems : tuple of str
        What services do not take of the calls that they are to carry out, in words.
    calibration : ModulatorCalibration or None
        Where the camera's pixels lie on the light modulator; None if nobody knows.
    masked_lights : tuple of str
        The lights that the modulator is before; () if nobody knows.
    """

    found: dict[str, float] = {}
    axes: dict[str, tuple[float, float]] = {}
    presets: dict[str, ChannelPreset] | None = None
    exposure_ms: tuple[float, float] | None = None
    powers: dict[str, tuple[float, float]] = {}
    frame: str = ""
    frame_shape: tuple[int, ...] = ()
    field_um: tuple[float, float] | None = None
    frame_bytes: int = 0
    frame_s: float = 0.0
    stored_bytes: dict[str, int] = {}
    disk_free_bytes: int | None = None
    problems: tuple[str, ...] = ()
    calibration: ModulatorCalibration | None = None
    masked_lights: tuple[str, ...] = ()


def field_of_view_um(spec: FrameSpec) -> tuple[float, float] | None:
    """Return the width and the height of what frames show, um; None if the size of their pixels is unknown.

    Examples
    --------
    >>> field_of_view_um(FrameSpec(shape=(256, 512), dtype="uint8", pixel_size_um=0.5))
    (256.0, 128.0)
    """
    if spec.pixel_size_um is None:
        return None
    sizes = dict(zip(spec.axes, spec.shape, strict=True))
    return sizes["x"] * spec.pixel_size_um, sizes["y"] * spec.pixel_size_um


def changes(
    before: RigFacts, now: RigFacts, wanted: PlanSurvey, needs_origin: frozenset[str]
) -> tuple[str, ...]:
    """Return what has changed of all that a plan depends on, in words.

    Parameters
    ----------
    before, now : RigFacts
        When it was prepared, and when it is to start.
    wanted : PlanSurvey
        What its events need.
    needs_origin : frozenset of str
        The axes along which it depends on where the stages stood.

    Examples
    --------
    >>> from parfocal.runs.plans.survey import PlanSurvey
    >>> before, now = RigFacts(found={"x": 0.0}), RigFacts(found={"x": 40.0})
    >>> changes(before, now, PlanSurvey(), frozenset("x"))
    ('x stood at 0 um, and stands at 40 um',)
    >>> changes(before, now, PlanSurvey(), frozenset())
    ()
    """
    told = []
    for axis in sorted(needs_origin):
        was, stands = before.found[axis], now.found.get(axis)
        if stands is None:
            told.append(f"{axis} stood at {was:g} um, and no stage has it now")
        elif abs(stands - was) > _STANDS_UM:
            told.append(f"{axis} stood at {was:g} um, and stands at {stands:g} um")
    if before.frame != now.frame:
        told.append(f"the camera's frames were {before.frame or 'none'}, and are {now.frame or 'none'}")
    elif before.field_um != now.field_um:
        told.append("the camera's frames are as before, and show another size of the sample")
    for channel in sorted({light[0] for light in wanted.lights} - {""}):
        was_preset, preset = (before.presets or {}).get(channel), (now.presets or {}).get(channel)
        if preset is None:
            told.append(f"channel {channel!r} is gone")
        elif preset != was_preset:
            told.append(f"channel {channel!r} was {_told(was_preset)}, and is {_told(preset)}")
    return tuple(told)


def _told(preset: ChannelPreset | None) -> str:
    if preset is None:
        return "not there"
    fields = msgspec.to_builtins(preset).items()
    return ", ".join(f"{name} {value}" for name, value in fields if value not in (None, ""))
