"""Keeps the plan of a run as a file of its own in the record, for people and programs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.files import replace_file
from parfocal.storage.disk import storage_errors
from parfocal.storage.moment import Moment
from parfocal.storage.plain_json import encode_plain

if TYPE_CHECKING:
    from parfocal.core.clock import Clock


class PlanFile(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that a run was given: since when, in which file of its folder, and that file's SHA-256."""

    at: Moment
    file: str
    sha256: str


def keep_plan(folder: Path, plan: dict[str, Any], number: int, clock: Clock) -> PlanFile:
    """Write the plan with which a run began, or went on, as JSON; return what the record says of it.

    Parameters
    ----------
    folder : Path
        Of the run.
    plan : dict
        Plain data.
    number : int
        How many plans the run was given before this one.

    Raises
    ------
    StorageError
        If it could not be written.
    """
    name = "plan.json" if number == 0 else f"plan-{number + 1}.json"
    content = msgspec.json.format(encode_plain(plan), indent=2)
    with storage_errors(folder):
        replace_file(folder / name, content, durable=True)
    return PlanFile(at=Moment.now(clock), file=name, sha256=hashlib.sha256(content).hexdigest())
