"""What a plan asks for, and what it needs of a rig, before anything is started."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.channels import ChannelPreset
from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec
from parfocal.processes import directory
from parfocal.rig.opening import attach, config_of
from parfocal.rig.run_roles import run_settings
from parfocal.runs.forecast.device_times import AxisTimes, DeviceTimes
from parfocal.runs.forecast.feasibility import feasibility_of
from parfocal.runs.instruments.rig_facts import RigFacts, field_of_view_um
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.origin import at_origin
from parfocal.runs.plans.survey import survey
from parfocal.runs.preflight import light_problems, refuse

if TYPE_CHECKING:
    from parfocal.rig.config import RigConfig
    from parfocal.runs.plans.plan import Plan


class KnownRig(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a rig without moving anything.

    Attributes
    ----------
    rig : str
        Its name.
    presets : dict of str to ChannelPreset, or None
        Its channels; None if it has no service of them, or more than one.
    times : DeviceTimes
        The speeds that its file declares for the stages, and the exposures of its presets.
    frame : FrameSpec or None
        What the camera's frames are like; None if it does not run.
    """

    rig: str = ""
    presets: dict[str, ChannelPreset] | None = None
    times: DeviceTimes = DeviceTimes()
    frame: FrameSpec | None = None

    @property
    def field_um(self) -> tuple[float, float] | None:
        """Width and height of what a frame shows; None if nobody knows them."""
        return None if self.frame is None else field_of_view_um(self.frame)


class PlanReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan asks for.

    Attributes
    ----------
    shape : dict
        How long t, p, c and z are.
    channels, positions : tuple of str
        Along c and p.
    events_total, frames, stimuli : int
        All events, waits and questions included; the frames they ask for, as far as their number is known;
        and how many of these are of stimuli.
    largest_move_um : float
        Between two events.
    duration_s : float
        Of the plan, as if exposures took no time.
    predicted_s : float
        With the exposures, and the moves of stages whose speed is known.
    late : str
        Which position will be late, and what helps; "" if none is.
    relative_to_stages : tuple of str
        Axes along which places are told from where the stages stand.
    disk_bytes : int or None
        Uncompressed images; None if the size of one is not known.
    conditions : tuple of str
        By what it begins, ends or responds, which takes as long as it takes.
    """

    shape: dict[str, int]
    channels: tuple[str, ...]
    positions: tuple[str, ...]
    events_total: int
    frames: int
    stimuli: int
    largest_move_um: float
    duration_s: float
    predicted_s: float
    late: str
    relative_to_stages: tuple[str, ...]
    disk_bytes: int | None
    conditions: tuple[str, ...] = ()


def known_rig(source: str) -> KnownRig:
    """Return what is known of a running rig, else of the built-in one or file of that name. Starts nothing.

    Raises
    ------
    RigNotFoundError, ConfigError
        If there is no such rig, or its file is wrong.
    """
    config = config_of(source)
    runs = config.name in [record.rig for record in directory.rigs()]
    return _facts(config, _frame(config) if runs else None)


def _facts(config: RigConfig, frame: FrameSpec | None) -> KnownRig:
    parts = run_settings(config)
    presets: dict[str, ChannelPreset] | None = None
    if parts.channels:
        written = config.services[parts.channels].settings.get("options", {}).get("presets", {})
        presets = msgspec.convert(written, dict[str, ChannelPreset])
    axes: dict[str, AxisTimes] = {}
    for stage in filter(None, (parts.xy, parts.z)):
        for name, axis in config.services[stage].settings.get("options", {}).get("axes", {}).items():
            if axis.get("speed"):
                axes[name] = AxisTimes(speed_um_per_s=axis["speed"])
    exposures = {
        name: preset.exposure_ms for name, preset in (presets or {}).items() if preset.exposure_ms is not None
    }
    return KnownRig(
        rig=config.name,
        presets=presets,
        times=DeviceTimes(axes=axes, exposure_ms=exposures),
        frame=frame,
    )


def _frame(config: RigConfig) -> FrameSpec | None:
    camera = run_settings(config).camera
    if not camera:
        return None
    with attach(config.name) as running:
        spec = running.stream(camera).spec
    return spec if isinstance(spec, FrameSpec) else None


def report_of(plan: Plan, facts: KnownRig) -> PlanReport:
    """Return what a plan asks for of a rig; events are gone through twice, and none is kept.

    Raises
    ------
    BadInputError
        If its channels are not those of the rig, or do not take what it asks of them.

    Examples
    --------
    >>> from parfocal.runs import Sequence
    >>> plan = Sequence(time_plan={"interval": 5, "loops": 3}, channels=[{"config": "a", "exposure": 100}])
    >>> report = report_of(plan, KnownRig(frame=FrameSpec(shape=(20, 50), dtype="uint8")))
    >>> report.events_total, report.duration_s, report.predicted_s, report.disk_bytes
    (3, 10.0, 10.1, 3000)
    """
    shown = _at_zero(plan)
    found = survey(shown.events(), {})
    if facts.presets is not None:
        refuse(list(light_problems(found, RigFacts(presets=facts.presets))))
    forecast = feasibility_of(shown.events(), facts.times, {})
    return PlanReport(
        shape=plan.shape,
        channels=plan.channel_names,
        positions=tuple(place.name or f"p{number}" for number, place in enumerate(plan.positions)),
        events_total=found.events,
        frames=found.frames,
        stimuli=found.stimuli,
        largest_move_um=found.largest_move_um,
        duration_s=plan.duration_s,
        predicted_s=forecast.duration_s,
        late=forecast.text,
        relative_to_stages=tuple(sorted(plan.needs_origin)),
        disk_bytes=None if facts.frame is None else found.frames * facts.frame.nbytes,
        conditions=tuple(check.words for check in found.checks),
    )


def _at_zero(plan: Plan) -> Plan:
    """Return a plan as it can be shown: places told from the stages are so from 0."""
    return at_origin(plan, x_um=0, y_um=0, z_um=0)


def first_and_last(plan: Plan, most: int) -> tuple[list[Event], list[Event]]:
    """Return at most so many events of a plan: all, or first ones and last ones.

    Examples
    --------
    >>> from parfocal.runs import Sequence
    >>> first, last = first_and_last(Sequence(time_plan={"interval": 1, "loops": 9}), 3)
    >>> [event.number for event in first], [event.number for event in last]
    ([0, 1], [8])
    """
    if most < 0:
        raise BadInputError(f"most must be 0 or more, not {most}")
    shown, total = _at_zero(plan), len(plan)
    if total <= most:
        return list(shown.events()), []
    last = most // 2
    return list(islice(shown.events(), most - last)), list(shown.events(total - last)) if last else []
