"""``parfocal new-file``: what is recorded goes on in new files, as one recording."""

from __future__ import annotations

from parfocal.cli.output import console, print_json
from parfocal.cli.which_rig import RunningRig, only_rig
from parfocal.rig.opening import attach


def new_file(*, rig: RunningRig = None, recorder: str = "recorder", json: bool = False) -> None:
    """Have the rows that a rig records go to new files from the next frame on; the run goes on.

    No frame is lost, torn or doubled, and whoever reads the run sees one recording. The recorder's settings
    `rows_per_part` and `seconds_per_part` do the same by themselves. Frames lie in files of so many each.

    Parameters
    ----------
    recorder
        Name of the service.
    json
        Print the number of each stream's file, from 0, as one JSON object.

    Examples
    --------
    parfocal new-file

    parfocal new-file --rig tweezers --json
    """
    with attach(only_rig(rig)) as running:
        parts: dict[str, int] = running[recorder].new_file()
    if json:
        print_json(parts)
    else:
        told = ", ".join(f"{stream} part {part}" for stream, part in parts.items())
        console().print(f"new files: {told}" if told else "no rows are recorded")
