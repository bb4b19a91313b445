"""``parfocal doctor``: tells whether this machine is ready, and what was left behind."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from parfocal.cli.exits import Exit
from parfocal.cli.output import console, print_json
from parfocal.rig.diagnosis import Finding, diagnose, remove_leftovers


def doctor(*, clean: bool = False, json: bool = False) -> int:
    """Show versions, limits, what packages add, what dead rigs left; exit code 1 if something needs care.

    What installed packages add is imported, each package in a process of its own. One that cannot be loaded
    is told with its error, and what to do. It keeps nothing else from working, and does not change the exit
    code.

    Parameters
    ----------
    clean
        Remove what dead rigs left behind; running ones are not touched.
    json
        Print the findings as one JSON object.

    Examples
    --------
    parfocal doctor

    parfocal doctor --clean
    """
    removed = remove_leftovers() if clean else ()
    findings = diagnose()
    if json:
        print_json({"findings": findings, "removed": [str(path) for path in removed]})
    else:
        table = Table("", "what", "found", "what to do", box=None, pad_edge=False)
        for finding in findings:
            mark = _mark(finding)
            table.add_row(mark, finding.what, finding.found, finding.remedy)
        console().print(table)
        for path in removed:
            console().print(f"removed {path}")
    return Exit.OK if all(finding.ok for finding in findings if finding.needed) else Exit.FAILED


def _mark(finding: Finding) -> Text:
    if finding.ok:
        return Text("ok", style="green")
    return Text("!!", style="bold red") if finding.needed else Text("!", style="yellow")
