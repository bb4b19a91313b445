"""``parfocal replay``: a recorded run decided once more, and compared."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from parfocal.cli.exits import Exit
from parfocal.cli.output import console, print_json
from parfocal.cli.own_modules import find_own_modules
from parfocal.core.counted import counted


def replay(record: Path, *, workers: int | None = None, seed: int | None = None, json: bool = False) -> int:
    """Decide a recorded run once more from its images, and compare each decision with what was decided then.

    The engine and the steps of the run are used, on a clock that nobody waits for; nothing is written, lit or
    moved. Masks that were late then are late now. The exit code is 1 if a decision differs. The steps run in
    the process of this command: one that ends its process ends the command, with the exit code of the step.

    Parameters
    ----------
    record
        Folder of a run with a pipeline and stimuli.
    workers
        How many images are analysed at once; by default as many as then. The decisions do not depend on it.
    seed
        Have results come in another order than they were asked for, drawn from this.
    json
        Print what was found as one JSON object.

    Examples
    --------
    parfocal replay runs/2026-11-29T21-03-27_demo

    parfocal replay runs/2026-11-29T21-03-27_demo --workers 4 --seed 1
    """
    from parfocal.rig.replay import replay as again  # what it needs takes a second to import

    find_own_modules(record)
    found = again(record, workers=workers, seed=seed)
    if json:
        print_json(found)
        return Exit.OK if found.same else Exit.FAILED
    shown, differing = console(), len(found.differences)
    shown.print(
        Text(
            f"{counted(found.stimuli, 'decision')} compared, "
            f"{counted(differing, 'differs', 'differ')}; {found.late} late, then as now; "
            f"{found.left_out} left out, where no decision was made"
        )
    )
    for difference in found.differences:
        shown.print(Text(f"  {difference}"))
    return Exit.OK if found.same else Exit.FAILED
