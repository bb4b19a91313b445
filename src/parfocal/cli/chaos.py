"""``parfocal chaos``: which promises of a simulated laboratory hold while its processes are killed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from parfocal.cli.exits import Exit
from parfocal.cli.output import console, print_json
from parfocal.cli.own_modules import find_own_modules
from parfocal.rig.chaos.chaos import run_chaos
from parfocal.rig.chaos.promises import PROMISES

if TYPE_CHECKING:
    from rich.console import Console

    from parfocal.rig.chaos.promises import ChaosReport


def chaos(
    rig: str,
    *,
    plan: Path | None = None,
    minutes: float = 1.0,
    seed: int = 0,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Kill, stop and hold up the services of a simulated rig during runs; tell which promises held.

    The rig is started for it, under a name of its own: one that runs is not touched. One that has a device
    which is not simulated is refused. The exit code is 1 if a promise was broken.

    Parameters
    ----------
    rig
        A built-in rig or a file.
    plan
        YAML, TOML or JSON file with the plan of each run; by default some seconds of what the rig has.
    minutes
        For how long runs are begun.
    seed
        Of what is done: the same one does the same.
    out
        Folder for the records; by default they are removed, unless a promise was broken.
    json
        Print what was found as one JSON object.

    Examples
    --------
    parfocal chaos optogenetics --minutes 5 --seed 7

    parfocal chaos my_twin.toml --plan night.yaml --minutes 60
    """
    if plan is not None:
        find_own_modules(plan)
    logging.getLogger("parfocal").setLevel(
        logging.CRITICAL
    )  # processes are lost on purpose: the report tells
    shown = console(quiet=json)
    found = run_chaos(
        rig, plan=plan, minutes=minutes, seed=seed, folder=out, report=lambda line: shown.print(Text(line))
    )
    if json:
        print_json(found)
    else:
        _print(found, shown)
    return Exit.OK if found.held else Exit.FAILED


def _print(found: ChaosReport, shown: Console) -> None:
    ended = ", ".join(f"{count} {outcome}" for outcome, count in found.outcomes.items())
    shown.print(Text(f"{found.runs} runs ({ended}), {found.faults} faults, seed {found.seed}"))
    table = Table("", "promise", "looked at", "broken", box=None, pad_edge=False)
    for promise in PROMISES:
        broken = sum(breach.promise == promise for breach in found.breaches)
        checks = found.checks.get(promise, 0)
        mark = Text("!!", style="bold red") if broken else Text("ok" if checks else "-", style="green")
        table.add_row(mark, promise, str(checks) if checks else "cannot be seen here", str(broken))
    shown.print(table)
    for breach in found.breaches:
        shown.print(Text(f"{breach.run}: {breach.promise}: {breach.told} (after {', '.join(breach.faults)})"))
    if found.folder:
        shown.print(Text(f"records in {found.folder}"))
