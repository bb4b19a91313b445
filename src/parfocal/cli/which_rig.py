"""The option that says which rig a command is about, and the rig that is meant without it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from parfocal.core.errors import RigNotFoundError
from parfocal.processes import directory

RunningRig = Annotated[str | None, Parameter(help="Which rig; may be left out while only one is running.")]
AnyRig = Annotated[
    str | None,
    Parameter(
        help="Which rig: a running one; else a built-in one or a file, which is started and ended again. "
        "May be left out while only one is running."
    ),
]


def only_rig(name: str | None) -> str:
    """Return `name`, or the one rig that is running."""
    if name is not None:
        return name
    running = [record.rig for record in directory.rigs()]
    if len(running) == 1:
        return running[0]
    known = f"name one with --rig: {', '.join(running)}" if running else "start one with `parfocal up`"
    raise RigNotFoundError(f"{len(running) or 'no'} rigs are running; {known}")
