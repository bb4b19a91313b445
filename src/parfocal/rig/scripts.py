"""Scripts of a rig: read from a file, and checked against its commands before anything is started."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.rig.lab import Lab, services_of_scripts
from parfocal.runs.scripts.check import ScriptCheck, check
from parfocal.runs.scripts.script_source import ScriptSource, read_script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.ipc import CommandInfo


def check_script(source: ScriptSource, services: Mapping[str, tuple[CommandInfo, ...]]) -> ScriptCheck:
    """Return what is wrong with a script on a rig with these services, and what it changes."""
    offered = {name: services[name] for name in services_of_scripts(services)}
    return check(source.text, offered, lab_methods(), file=source.path)


def checked_script(
    path: str | Path, services: Mapping[str, tuple[CommandInfo, ...]]
) -> tuple[ScriptSource, ScriptCheck]:
    """Return a script that may run, and what it changes.

    Raises
    ------
    BadInputError
        If it can't be read, or may not run: a line for each problem.
    """
    source = read_script(path)
    found = check_script(source, services)
    if found.problems:
        raise BadInputError("\n".join(map(str, found.problems)))
    return source, found


def lab_methods() -> dict[str, inspect.Signature]:
    """Return what a lab offers beside services: the signature of each method, without ``self``.

    Examples
    --------
    >>> list(lab_methods()["wait_until"].parameters)
    ['condition', 'timeout_s', 'what']
    """
    found = {}
    for name, item in inspect.getmembers(Lab):
        if name.startswith("_"):
            continue
        if callable(item):
            signature = inspect.signature(item)
            found[name] = signature.replace(parameters=list(signature.parameters.values())[1:])
        else:
            found[name] = inspect.Signature()
    return found
