"""Plans in files: YAML or JSON that people write, and what other programs save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.micromanager_plans import is_micromanager_data, plan_from_micromanager
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.useq_plans import is_useq_data, plan_from_useq_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.runs.plans.plan import Plan

SUFFIXES = (".yaml", ".yml", ".json")
_THEIRS = ".txt"
"""How Micro-Manager ends the names of saved settings."""


def load_plan(path: str | Path) -> Plan:
    """Read a plan from a YAML or JSON file, and check it.

    It may be one of ours, a sequence of useq-schema, or its events; or the settings of Micro-Manager's
    dialog, whose file may end in ``.txt``, too.

    Raises
    ------
    BadInputError
        Naming the file, and the line, or the field, its value and the nearest known one.
    """
    import yaml  # a few ms, which only files cost

    file = Path(path)
    suffix = file.suffix.lower()
    if suffix != _THEIRS:
        _suffix(file)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{file} cannot be read: {error}") from error
    try:  # JSON is YAML, except for tabs
        data = json.loads(text) if suffix in (".json", _THEIRS) else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise BadInputError(f"{file} is no {suffix[1:]}: {error}") from error
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
    """Write a plan to a YAML or JSON file, after the file's suffix.

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
    import yaml

    file, data = Path(path), plan_to_data(plan)
    is_json = _suffix(file) == ".json"
    text = json.dumps(data, indent=2) + "\n" if is_json else yaml.safe_dump(data, sort_keys=False)
    file.write_text(text, encoding="utf-8")


def _suffix(file: Path) -> str:
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInputError(
            f"{file}: a plan is a file {', '.join(SUFFIXES)}, not {suffix or 'without a suffix'}"
        )
    return suffix
