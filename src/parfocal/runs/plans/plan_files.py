"""Plans in files: YAML, TOML or JSON that people write, and what other programs save."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from parfocal.core.errors import BadInputError, reason_of
from parfocal.core.files import save_file
from parfocal.core.run_status import StimMode
from parfocal.runs.conditions.interlocks import Interlock, interlocks_from_data, interlocks_to_data
from parfocal.runs.plans.micromanager_plans import is_micromanager_data, plan_from_micromanager
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.useq_plans import is_useq_data, plan_from_useq_data

if TYPE_CHECKING:
    from parfocal.runs.plans.plan import Plan

SUFFIXES = (".yaml", ".yml", ".toml", ".json")
_THEIRS = ".txt"
"""How Micro-Manager ends the names of saved settings."""


class PlanWithPipeline(NamedTuple):
    """What a file of a plan holds.

    Attributes
    ----------
    plan : Plan
        What is done, and when.
    pipeline : mapping, str or None
        What is done with the images, as plain data, or its address; not looked at yet.
    stim_mode : StimMode or None
        From which image the mask of a stimulus is made.
    interlocks : tuple of Interlock
        What has to hold as long as it is carried out.
    """

    plan: Plan
    pipeline: Any = None
    stim_mode: StimMode | None = None
    interlocks: tuple[Interlock, ...] = ()


def load_plan(path: str | Path) -> Plan:
    """Read a plan from a YAML, TOML or JSON file, and check it.

    It may be one of ours, a sequence of useq-schema, or its events; or the settings of Micro-Manager's
    dialog, whose file may end in ``.txt``, too.

    Raises
    ------
    BadInputError
        Naming the file, and the line, or the field, its value and the nearest known one; also if it holds a
        pipeline or interlocks, which are more than a plan.
    """
    found = read_plan_file(path)
    if found.pipeline is not None or found.interlocks:
        more = "a pipeline" if found.pipeline is not None else "interlocks"
        raise BadInputError(
            f"{path} holds {more} beside the plan: give the file itself to rig.run or `parfocal run`, "
            "or take read_plan_file(...).plan for the plan alone"
        )
    return found.plan


def read_plan_file(path: str | Path) -> PlanWithPipeline:
    """Read a plan as `load_plan`, and what may stand beside its fields.

    That is a ``pipeline``, its ``stim_mode``, and ``interlocks``.
    """
    file = Path(path)
    data = _data_of(file)
    if not isinstance(data, Mapping):
        return PlanWithPipeline(_plan_of(file, data))
    fields = dict(data)
    pipeline, mode = fields.pop("pipeline", None), fields.pop("stim_mode", None)
    if pipeline is not None and not isinstance(pipeline, Mapping | str):
        raise BadInputError(
            f"{file}: pipeline must have its steps as fields, or be 'module:object', not {pipeline!r}"
        )
    if mode is not None and mode not in get_args(StimMode):
        raise BadInputError(f"{file}: stim_mode must be 'current' or 'previous', not {mode!r}")
    interlocks = interlocks_from_data(fields.pop("interlocks", ()), f"{file}: interlocks")
    return PlanWithPipeline(_plan_of(file, fields), pipeline, mode, interlocks)


def _data_of(file: Path) -> Any:
    import yaml  # a few ms, which only files cost

    suffix = file.suffix.lower()
    if suffix != _THEIRS:
        _suffix(file)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{file} cannot be read: {reason_of(error)}") from error
    try:  # JSON is YAML, except for tabs
        if suffix == ".toml":
            return tomllib.loads(text)
        return json.loads(text) if suffix in (".json", _THEIRS) else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise BadInputError(f"{file} is no {suffix[1:]}: {error}") from error


def _plan_of(file: Path, data: Any) -> Plan:
    if is_micromanager_data(data):
        return _named(file, data)
    _suffix(file)  # of theirs, one alone may end in .txt
    if is_useq_data(data):
        return plan_from_useq_data(data, str(file))
    return plan_from_data(data, str(file))


def _named(file: Path, data: Mapping[str, Any]) -> Plan:
    """Return the plan of settings of Micro-Manager; an error names their file."""
    try:
        return plan_from_micromanager(data)
    except BadInputError as error:
        raise BadInputError(f"{file}: {error}") from error


def save_plan(plan: Plan, path: str | Path) -> None:
    """Write a plan to a YAML, TOML or JSON file, after the file's suffix.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from parfocal.runs import Sequence, wait, combine
    >>> plan = combine(wait(5), Sequence(channels=["nucleus"]))
    >>> file = Path(mkdtemp()) / "plan.yaml"
    >>> save_plan(plan, file)
    >>> print(file.read_text())
    type: combine
    axis: t
    plans:
    - type: wait
      duration_s: 5.0
    - type: sequence
      channels:
      - config: nucleus
    <BLANKLINE>
    >>> load_plan(file) == plan
    True
    """
    write_plan_file(PlanWithPipeline(plan), path)


def write_plan_file(found: PlanWithPipeline, path: str | Path) -> None:
    """Write a plan as `save_plan`, with pipeline and interlocks beside it, as `read_plan_file` reads it."""
    import tomli_w
    import yaml

    file, data = Path(path), plan_to_data(found.plan)
    beside = {"pipeline": found.pipeline, "stim_mode": found.stim_mode}
    data |= {name: value for name, value in beside.items() if found.pipeline is not None and value}
    if found.interlocks:
        data["interlocks"] = interlocks_to_data(found.interlocks)
    match _suffix(file):
        case ".json":
            text = json.dumps(data, indent=2) + "\n"
        case ".toml":
            text = tomli_w.dumps(data)
        case _:
            text = yaml.safe_dump(data, sort_keys=False)
    save_file(file, text.encode())


def _suffix(file: Path) -> str:
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInputError(
            f"{file}: a plan is a file {', '.join(SUFFIXES)}, not {suffix or 'without a suffix'}"
        )
    return suffix
