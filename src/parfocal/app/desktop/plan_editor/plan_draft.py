"""A plan while it is edited: parts that follow one another, plain data that need not be right yet. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import StimMode
from parfocal.runs.conditions.interlocks import interlocks_to_data
from parfocal.runs.plans.combine import combine
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.plan_files import PlanWithPipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.runs.plans.plan import Plan

PlanPart = dict[str, Any]
"""The plain data of a plan that is a part of another one."""


class PlanDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it is edited.

    Attributes
    ----------
    parts : tuple of dict
        Plain data of plans that follow one another.
    pipeline : Any
        What is done with the images: an address, or plain data; None for nothing.
    stim_mode : StimMode
        From which image the mask of a stimulus is made.
    interlocks : Any
        What has to hold as long as it is carried out: a list of plain data; None for nothing.
    name : str
        Of the run.
    path : str
        The file that it was read from or saved to; "" for none.
    saved : str
        Tells what that file holds.
    """

    parts: tuple[PlanPart, ...] = ({"type": "sequence"},)
    pipeline: Any = None
    stim_mode: StimMode = "current"
    interlocks: Any = None
    name: str = ""
    path: str = ""
    saved: str = ""

    def __post_init__(self) -> None:
        """Refuse a draft without any part, which no form can show."""
        if not self.parts:
            raise ValueError("a draft has one part or more")

    @property
    def content_hash(self) -> str:
        """What `saved` is once it is saved."""
        content = msgspec.json.encode((self.parts, self.pipeline, self.stim_mode, self.interlocks))
        return hashlib.sha256(content).hexdigest()

    @property
    def is_saved(self) -> bool:
        """Whether a file holds it as it is."""
        return bool(self.path) and self.saved == self.content_hash

    def with_part(self, number: int, part: PlanPart) -> PlanDraft:
        """Return it with another part of that number."""
        parts = list(self.parts)
        parts[number] = part
        return msgspec.structs.replace(self, parts=tuple(parts))


def form_of(part: PlanPart) -> str:
    """Return the type of the form that can hold a part; "" for none: it is edited as YAML.

    Examples
    --------
    >>> form_of({"channels": ["a"]}), form_of({"type": "wait"}), form_of({"channels": 5})
    ('sequence', 'wait', '')
    """
    kind = part.get("type", "sequence")
    if kind != "sequence":
        return kind if isinstance(kind, str) else ""
    shapes = (part.get(field) is None or _FIELDS[field](part[field]) for field in _FIELDS)
    return kind if all(shapes) else ""


class PartFault(msgspec.Struct, frozen=True):
    """Why there is no plan: the number of the part (-1: the whole), and what is wrong in words."""

    part: int
    message: str


def draft_of(found: PlanWithPipeline, path: str = "", name: str = "") -> PlanDraft:
    """Return a draft that edits a plan; sequences that follow one another become its parts.

    Examples
    --------
    >>> from parfocal.runs import Sequence, combine, wait
    >>> plan = combine(Sequence(), combine(wait(2), Sequence()))
    >>> [part["type"] for part in draft_of(PlanWithPipeline(plan)).parts]
    ['sequence', 'wait', 'sequence']
    """
    draft = PlanDraft(
        parts=tuple(_parts(plan_to_data(found.plan))),
        pipeline=found.pipeline,
        stim_mode=found.stim_mode or "current",
        interlocks=interlocks_to_data(found.interlocks) or None,
        name=name,
        path=path,
    )
    return msgspec.structs.replace(draft, saved=draft.content_hash) if path else draft


def plan_of(draft: PlanDraft) -> tuple[Plan | None, tuple[PartFault, ...]]:
    """Return the plan that a draft describes, or what is wrong with it.

    Examples
    --------
    >>> plan_of(PlanDraft(parts=({"channels": ["a"]}, {"type": "wait", "duration_s": -1})))
    (None, (PartFault(part=1, message='duration_s must be 0 or more, not -1'),))
    >>> len(plan_of(PlanDraft())[0])
    1
    """
    plans, faults = [], []
    for number, part in enumerate(draft.parts):
        try:
            plans.append(plan_from_data(part, _WHERE))
        except BadInputError as error:
            faults.append(PartFault(number, str(error).removeprefix(f"{_WHERE}: ")))
    if faults:
        return None, tuple(faults)
    try:
        return (plans[0] if len(plans) == 1 else combine(*plans)), ()
    except BadInputError as error:
        return None, (PartFault(-1, str(error)),)


def part_of_event(draft: PlanDraft, event: int) -> int:
    """Return which part an event of the plan belongs to, by their numbers; -1 if that can't be told."""
    end = 0
    for number, part in enumerate(draft.parts):
        try:
            end += len(plan_from_data(part))
        except BadInputError:
            return -1
        if event < end:
            return number
    return -1


_WHERE = "plan"


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: _is_list(value) and all(fits(each) for each in value)


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "channels": _is_list,
    "stim_channels": _is_list,
    "time_plan": _is_list_of(_is_mapping),
    "stage_positions": lambda value: (
        _is_mapping(value) or _is_list_of(lambda each: _is_mapping(each) or _is_list(each))(value)
    ),
    "z_plan": _is_mapping,
    "autofocus": _is_mapping,
}
"""What the form of a sequence can show of these fields."""


def _parts(data: PlanPart) -> list[PlanPart]:
    if data.get("type") != "combine" or data.get("axis") != "t":
        return [data]
    return [part for plan in data["plans"] for part in _parts(plan)]
