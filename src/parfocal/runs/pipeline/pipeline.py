"""A pipeline: the steps from an image to the mask of a stimulus, as plain frozen data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import LatePolicy
from parfocal.runs.pipeline.step import Step
from parfocal.runs.plans.fields import MOST_S, made, number

Saved = Literal["labels", "masks", "tracks"]
STEPS = ("segment", "features", "track", "features_ref", "choose", "stimulate")
"""The steps in the order in which they run."""
MOST_WORKERS, MOST_QUEUE = 128, 100_000


class Pipeline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is done with the images of a run, from the pixels to the mask of the next stimulus.

    Each step is a function or a class by its address, ``"module:object"``, or a `Step` with settings. It is
    given by name what it asks for; see `parfocal.runs.pipeline.step`.

    Parameters
    ----------
    segment : Step or str
        Finds the cells: returns labels (y, x), 0 is background.
    features : Step or str, optional
        Measures them: returns columns, one value for each cell.
    features_ref : Step or str, optional
        Measures them in the images of the reference channels; known at all later time points.
    track : Step or str, optional
        Follows them: a class with ``link(columns)``, ``state()`` and ``resume(state)``.
    choose : Step or str, optional
        Tells which of them are stimulated: returns n truth values.
    stimulate : Step or str, optional
        Returns the mask (y, x); without it stimuli light the whole field.
    workers : int
        Processes that share the positions: 1 to 128.
    queue : int
        Time points of positions that may wait for them; those beyond are deferred to the end of the run.
    deadline_s : float
        How long after the end of the exposure a mask may take.
    late : "skip", "hold", "previous" or "abort"
        What becomes of a stimulus whose mask is not there then.
    save : tuple of "labels", "masks" and "tracks"
        What is recorded beside the images.
    channel : str
        The channel that is segmented; "" for the first.

    Raises
    ------
    BadInputError
        Naming the field and its value.

    Examples
    --------
    >>> pipeline = Pipeline(segment="parfocal.analysis.cells.segment:otsu", late="previous")
    >>> pipeline_from_data(pipeline_to_data(pipeline)) == pipeline
    True
    >>> Pipeline(segment="parfocal.analysis.cells.segment:otsu", queue=0)
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: queue must be 1 or more, not 0
    """

    segment: Step
    features: Step | None = None
    features_ref: Step | None = None
    track: Step | None = None
    choose: Step | None = None
    stimulate: Step | None = None
    workers: int = 1
    queue: int = 8
    deadline_s: float = 1.0
    late: LatePolicy = "skip"
    save: tuple[Saved, ...] = get_args(Saved)
    channel: str = ""

    def __init_subclass__(cls) -> None:
        raise TypeError("a pipeline is data: name other steps, do not derive from it")

    def __post_init__(self) -> None:
        for name in STEPS:
            value = getattr(self, name)
            if value is not None or name == "segment":
                step = Step(call=value) if isinstance(value, str) else made(Step, _data(name, value), name)
                msgspec.structs.force_setattr(self, name, step)
        for name, most in (("workers", MOST_WORKERS), ("queue", MOST_QUEUE)):
            value = number(getattr(self, name), name, least=1, most=most)
            if value != int(value):
                raise BadInputError(f"{name} must be a whole number, not {value:g}")
            msgspec.structs.force_setattr(self, name, int(value))
        msgspec.structs.force_setattr(
            self, "deadline_s", number(self.deadline_s, "deadline_s", above=0, most=MOST_S)
        )
        _check_among(self.late, get_args(LatePolicy), "late")
        saved = (self.save,) if isinstance(self.save, str) else tuple(self.save)
        for name in saved:
            _check_among(name, get_args(Saved), "save")
        msgspec.structs.force_setattr(self, "save", saved)
        if self.features_ref is not None and self.track is None:
            raise BadInputError("features_ref without track: they are known again by the particles' numbers")
        if self.choose is not None and self.stimulate is None:
            raise BadInputError(
                "choose without stimulate: give the step that makes a mask of the chosen cells"
            )
        if not isinstance(self.channel, str):
            raise BadInputError(f"channel must be the name of a channel, not {self.channel!r}")

    def steps(self) -> Iterator[tuple[str, Step]]:
        """Yield the names and the steps that there are, in the order in which they run."""
        for name in STEPS:
            step = getattr(self, name)
            if step is not None:
                yield name, step


def pipeline_to_data(pipeline: Pipeline) -> dict[str, Any]:
    """Return a pipeline as mappings, lists, texts and numbers; what is as by default is left out."""
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(pipeline))
    return data


def pipeline_from_data(data: Any) -> Pipeline:
    """Return the pipeline that plain data describes.

    Raises
    ------
    BadInputError
        Naming the field, its value, and the nearest known one.

    Examples
    --------
    >>> pipeline_from_data({"segment": "lab.cells:find", "deadline": 2})
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: pipeline has no field 'deadline'; did you mean 'deadline_s'?
    """
    if isinstance(data, Pipeline):
        return data
    steps = {name: data[name] for name in STEPS if name in data} if isinstance(data, dict) else {}
    as_steps = {name: {"call": step} if isinstance(step, str) else step for name, step in steps.items()}
    return made(Pipeline, {**data, **as_steps} if isinstance(data, dict) else data, "pipeline")


def _data(name: str, given: Any) -> Any:
    """Return what a step is made of; a function or class itself is refused with its address."""
    if isinstance(given, Step) or not callable(given):
        return given
    module, function = getattr(given, "__module__", ""), getattr(given, "__qualname__", "")
    step = Step(call=f"{module}:{function}")  # refuses what no other process can import
    raise BadInputError(
        f"{name}: a step is given by its address, which other processes import: {step.call!r}, not {given!r}"
    )


def _check_among(value: Any, known: tuple[str, ...], name: str) -> None:
    if value not in known:
        raise BadInputError(f"{name} must be {', '.join(map(repr, known))}, not {value!r}")
