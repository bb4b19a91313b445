"""A multi-dimensional acquisition, in the terms of useq-schema, with stimuli and references."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.autofocus import autofocus_plan
from parfocal.runs.plans.batches import PositionBatch, batch_plan, batching
from parfocal.runs.plans.channels import channels
from parfocal.runs.plans.fields import listed, made, number
from parfocal.runs.plans.frame_choice import chosen, frame_choice
from parfocal.runs.plans.grid import StageGrid
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.positions import StagePosition
from parfocal.runs.plans.positions_and_grids import positions_and_grids, tiled
from parfocal.runs.plans.time_plan import TimePlan, time_phases
from parfocal.runs.plans.visits import AXES
from parfocal.runs.plans.z_plan import ZPlan

if TYPE_CHECKING:
    from parfocal.runs.plans.autofocus import Autofocus
    from parfocal.runs.plans.program import Program


class Sequence(Plan, frozen=True, kw_only=True, omit_defaults=True, tag="sequence"):
    """Images at time points, positions, channels and planes; stimuli and references at chosen time points.

    Parameters
    ----------
    time_plan : mapping, or list of them
        Phases with two of ``interval``, ``duration`` (seconds) and ``loops``. Without one, a single time
        point. Each phase begins at the last time point of the one before.
    stage_positions : list
        ``(x, y)`` or ``(x, y, z)`` in um, or mappings with ``name``, ``x``, ``y``, ``z``, ``well`` (or
        ``row`` and ``col``), ``relative``. Without one, where the stages stand. A mapping with ``rows`` and
        ``columns``, ``width`` and ``height``, or ``left``, ``top``, ``right`` and ``bottom`` is a grid of
        fields of view, alone or in the list. See `StageGrid`.
    channels : list
        Names of presets, or mappings with ``config``, ``exposure`` (ms), ``power``, ``z_offset`` (um),
        ``do_stack``, ``acquire_every``.
    z_plan : mapping
        ``range`` and ``step``; ``top``, ``bottom`` and ``step``; ``above``, ``below`` and ``step``;
        ``absolute``; or ``relative``; all in um. See `ZPlan`.
    axis_order : str
        The axes, outermost first.
    autofocus : mapping
        ``range`` and ``step`` (um); and if need be ``frames``, ``positions``, ``channel``, ``exposure``,
        ``power``, ``measure``, ``on_failure``: a search for the focus before the images of a position. See
        `Autofocus`.
    batch : mapping
        ``positions``, ``time_per_position`` (seconds), or both: positions that do not fit into one interval
        are visited in batches, each through all time points before the next. See `BatchPlan`.
    stim_channels, ref_channels : list
        Like `channels`; they follow the images of a position, in its middle plane, references first.
    stim_frames, ref_frames : int, range, list or set of them, or str
        At which time points; negative ones count from the end; ``"every 5"``, ``"every 5 from 2"``,
        ``"all"``.
    stim_exposure, stim_power : float, or list of float
        For all stimuli (ms), or for each of the chosen time points; else as the channels say.
    metadata : dict
        Goes with each event.

    Raises
    ------
    BadInputError
        Naming the field, its value, and what to write instead.

    Examples
    --------
    >>> plan = Sequence(
    ...     time_plan={"interval": 10, "loops": 2},
    ...     stage_positions=[(0, 0, 5), {"name": "b", "x": 300, "y": 0, "z": 6}],
    ...     channels=[{"config": "nucleus", "exposure": 20}, {"config": "erk", "z_offset": 1.5}],
    ...     stim_channels=[{"config": "blue", "exposure": 50}],
    ...     stim_frames=-1,
    ... )
    >>> [(event.channel, event.position, event.z_um) for event in plan.events() if event.index["t"] == 1]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('nucleus', 'p0', 5.0), ('erk', 'p0', 6.5), ('blue', 'p0', 5.0),
     ('nucleus', 'b', 6.0), ('erk', 'b', 7.5), ('blue', 'b', 6.0)]
    >>> Sequence(chanels=["nucleus"])
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: a sequence has no field 'chanels'; did you mean 'channels'?
    """

    time_plan: Any = ()
    stage_positions: Any = ()
    channels: Any = ()
    z_plan: Any = None
    axis_order: str = AXES
    autofocus: Any = None
    batch: Any = None
    stim_channels: Any = ()
    stim_frames: Any = ()
    stim_exposure: Any = None
    stim_power: Any = None
    ref_channels: Any = ()
    ref_frames: Any = ()
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        checked = {
            "time_plan": time_phases(self.time_plan),
            "stage_positions": positions_and_grids(self.stage_positions),
            "z_plan": None if self.z_plan is None else made(ZPlan, self.z_plan, "z_plan"),
            "axis_order": _checked_order(self.axis_order),
            "autofocus": autofocus_plan(self.autofocus),
            "batch": batch_plan(self.batch),
            "metadata": _checked_metadata(self.metadata),
            "stim_exposure": _dose(self.stim_exposure, "stim_exposure"),
            "stim_power": _dose(self.stim_power, "stim_power"),
        }
        checked |= {name: channels(getattr(self, name), name) for name in ("channels", *_CHOSEN.values())}
        checked |= {name: frame_choice(getattr(self, name), name) for name in _CHOSEN}
        for name, value in checked.items():
            msgspec.structs.force_setattr(self, name, value)
        self._check_together()

    def _check_together(self) -> None:
        for frames, lights in _CHOSEN.items():
            if getattr(self, lights) and not getattr(self, frames):
                raise BadInputError(f"{lights} without {frames}: say at which time points, such as 'every 5'")
            if getattr(self, frames) and not getattr(self, lights):
                raise BadInputError(f"{frames} without {lights}: say with which channels")
            chosen(getattr(self, frames), len(self.times), frames)
        for name in ("stim_exposure", "stim_power"):
            self._check_dose(name, getattr(self, name))
        _ = self.batching  # tells what does not fit
        if self.autofocus:
            self._check_autofocus(self.autofocus)
        for channel in self.stim_channels:
            if channel.exposure is None and self.stim_exposure is None:
                raise BadInputError(f"stimulus {channel.config!r} has no exposure; give stim_exposure in ms")

    def _check_autofocus(self, autofocus: Autofocus) -> None:
        autofocus.times(len(self.times))
        if set(self.axis_order[:2]) != {"t", "p"}:
            raise BadInputError(
                f"autofocus needs an axis_order that begins with t and p, not {self.axis_order!r}"
            )
        if self.z_plan and not self.z_plan.is_relative:
            raise BadInputError(
                "autofocus shifts planes that are told from a position, and those of this z_plan are the "
                "stage's own heights: write range and step, above and below, or relative"
            )

    def _check_dose(self, name: str, dose: Any) -> None:
        if dose is not None and not self.stim_channels:
            raise BadInputError(f"{name} without stim_channels: say with which channels")
        count = len(chosen(self.stim_frames, len(self.times), "stim_frames"))
        if isinstance(dose, tuple) and len(dose) != count:
            raise BadInputError(f"{name} has {len(dose)} values for {count} time points of stim_frames")

    @cached_property
    def times(self) -> TimePlan:
        """When its time points begin."""
        return TimePlan(self.time_plan)

    @cached_property
    def batching(self) -> PositionBatch | None:
        """How its positions are batched; None: all in one interval."""
        return batching(self.batch, self.time_plan, self.axis_order) if self.batch else None

    def _compiled(self) -> Program:
        from parfocal.runs.plans.program import program_of_sequence

        return program_of_sequence(self)

    @cached_property
    def places(self) -> tuple[StagePosition, ...]:
        """Its positions, those of grids included; one that is anywhere if it names none.

        Raises
        ------
        BadInputError
            If a grid depends on the field of view of a camera.
        """
        return tiled(self.stage_positions) or (StagePosition(),)

    @property
    def needs_field_of_view(self) -> bool:
        """Whether it has a grid that depends on the field of view of a camera: see `at_field_of_view`."""
        return any(isinstance(one, StageGrid) and one.needs_field_of_view for one in self.stage_positions)


_CHOSEN = {"ref_frames": "ref_channels", "stim_frames": "stim_channels"}


def _checked_order(order: Any) -> str:
    """Return the four axes; a g for grids, as useq-schema has it, changes nothing where there is no grid."""
    axes = order.replace("g", "") if isinstance(order, str) else order
    if not isinstance(axes, str) or sorted(axes) != sorted(AXES):
        raise BadInputError(f"axis_order must name t, p, c and z, each once, such as 'tpcz', not {order!r}")
    return axes


def _checked_metadata(metadata: Any) -> dict[str, Any]:
    if not isinstance(metadata, dict):
        raise BadInputError(f"metadata: expected a mapping, got {metadata!r}")
    try:
        data = msgspec.to_builtins(metadata, str_keys=True)
    except (TypeError, msgspec.MsgspecError) as error:
        raise BadInputError(f"metadata has to be plain data: {error}") from error
    return dict(data)


def _dose(value: Any, name: str) -> Any:
    """Return a dose of stimuli: one number for all, or one for each."""
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return number(value, name, least=0)
    return tuple(number(item, f"{name}[{place}]", least=0) for place, item in enumerate(listed(value, name)))
