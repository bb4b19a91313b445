"""A run that was prepared in a rig of its own outlives the program that prepared it, however that ends."""

from __future__ import annotations

import subprocess
import sys

import parfocal

PATIENCE_S = 60.0
PREPARES = """
import parfocal
from parfocal.runs import Sequence

rig = parfocal.attach("night")
plan = Sequence(time_plan={"interval": 0.2, "loops": 3}, channels=[{"config": "nucleus", "exposure": 5}])
status = rig.prepare(plan, name="evening").status()
print(status.state, status.events_total, flush=True)
input()
"""


def test_a_prepared_run_outlives_the_program_that_prepared_it(tmp_path):
    changes = {"recorder.folder": str(tmp_path / "runs")}
    with parfocal.open_rig("microscope", name="night", changes=changes, detach=True) as rig:
        try:
            program = subprocess.Popen(
                [sys.executable, "-c", PREPARES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            with program:
                assert program.stdout is not None
                assert program.stdout.readline() == "prepared 3\n"
                program.kill()
            with parfocal.attach("night") as other:
                assert other.runs["evening"].status().state == "prepared"
                assert other.runs["evening"].start().run == "evening"
                status = other.runs["evening"].wait(PATIENCE_S)
            assert (status.outcome, status.events_acquired, status.frames_stored) == ("complete", 3, 3)
        finally:
            rig.stop()
