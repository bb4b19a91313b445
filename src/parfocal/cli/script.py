"""``parfocal script``: Python files with ``main(lab)``, checked, and carried out as runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.text import Text

from parfocal.cli.exits import Exit
from parfocal.cli.output import console, print_json
from parfocal.cli.run import carry_out
from parfocal.cli.script_line import ScriptLine
from parfocal.cli.which_rig import AnyRig, only_rig
from parfocal.processes import directory
from parfocal.rig.listing import command_listing, running_commands
from parfocal.rig.opening import attach, config_of
from parfocal.rig.scripts import check_script
from parfocal.runs.scripts.script_source import read_script

if TYPE_CHECKING:
    from parfocal.ipc import CommandInfo
    from parfocal.rig.rig import Rig
    from parfocal.runs.handle import RunHandle


def check(file: Path, *, rig: AnyRig = None, json: bool = False) -> int:
    """Check a script against a rig: services, commands and arguments that are wrong, each with its line.

    Nothing is started, and nothing of the script is carried out or imported.

    Parameters
    ----------
    file
        A Python file with `def main(lab)`.
    rig
        A running rig, a built-in one or a file, which is only read; may be left out while only one runs.
    json
        Print what was found as one JSON object.

    Examples
    --------
    parfocal script check ramp.py --rig tweezers
    """
    name = only_rig(rig)
    source = read_script(file)
    found = check_script(source, _commands(name))
    if json:
        problems = msgspec.to_builtins(found.problems)
        print_json({"script": source.path, "rig": name, "problems": problems, "changes": found.changes})
    else:
        shown = console()
        for problem in found.problems:
            shown.print(Text(str(problem)))
        changed = f"; it changes {', '.join(found.changes)}" if found.changes else ""
        if not found.problems:
            shown.print(Text(f"{source.path} may run on {name}{changed}"))
    return Exit.USAGE if found.problems else Exit.OK


def run(
    file: Path,
    *,
    rig: AnyRig = None,
    name: str = "",
    out: Path | None = None,
    force: bool = False,
    detach: bool = False,
    json: bool = False,
) -> int:
    """Check a script, and carry it out as a run, in a process of its own; what it prints is shown meanwhile.

    Other terminals see it with `parfocal runs`, and steer it with `parfocal pause`, `resume`, `finish`,
    `cancel` and `confirm`. Ctrl-C cancels it, with the runs that it has started; a second one leaves.

    Parameters
    ----------
    file
        A Python file with `def main(lab)`.
    rig
        A running rig; else a built-in one or a file, which is started, and ended again after the run. May be
        left out while only one is running.
    name
        Of the run, and of its folder; by default that of the file.
    out
        Folder for the run's own new folder; by default where the rig's recorder puts its runs.
    force
        Use services although another run, or another program, holds them.
    detach
        Return when the run has begun. It goes on, and so does its rig, in the background.
    json
        Print what it came to, and its final status, as one JSON object in the last line.

    Examples
    --------
    parfocal script run ramp.py --rig tweezers

    parfocal script run overnight.py --rig tweezers --detach --name night1
    """

    def start(running: Rig) -> RunHandle:
        return running.script(file, name=name, folder="" if out is None else out, force=force)

    return carry_out(only_rig(rig), start, line=ScriptLine, detach=detach, json=json)


def _commands(rig: str) -> dict[str, tuple[CommandInfo, ...]]:
    """Return the commands of a rig, as it runs, or as it would."""
    if rig not in (record.rig for record in directory.rigs()):
        return command_listing(config_of(rig))
    with attach(rig) as running:
        return running_commands(running)
