"""What goes on in all rigs: found by itself, kept after the end, and told when it does not answer."""

from __future__ import annotations

import os
import signal

import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.status import RigStatus
from parfocal.rig.all_snapshots import AllSnapshots
from parfocal.rig.snapshots import RigSnapshot
from parfocal.runs import Sequence

LONG_S = 60.0
CAMERA = {"device": "simulated-camera", "options": {"width_px": 16, "height_px": 16, "beads": 0}}
CONFIG = {
    "name": "seen",
    "runs": {"keep_times": False},
    "services": {"camera": {"kind": "camera", "settings": CAMERA}},
}
NOTHING = RigSnapshot(rig=RigStatus(name="seen", pid=0, state="exited", services={}))
LONG_PLAN = Sequence(time_plan={"interval": 5, "loops": 1000})


@pytest.mark.slow
def test_a_run_is_found_kept_while_nobody_answers_and_when_its_rig_is_gone():
    with AllSnapshots() as snapshots:

        def seen() -> RigSnapshot:
            return snapshots.latest().get("seen") or NOTHING

        with parfocal.open_rig(CONFIG, detach=True) as rig:
            rig.run(LONG_PLAN, name="evening")
            assert poll_until(lambda: "evening" in seen().runs, LONG_S)
            status = rig.status()
            stopped = (status.pid, status.services["runs"].pid)  # first who would end a service that hangs
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            assert poll_until(lambda: seen().error != "", LONG_S)
            assert seen().runs["evening"].events_total == 1000
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            assert poll_until(lambda: seen().error == "", LONG_S)
            assert "evening" in seen().runs
            rig.stop()
        assert poll_until(lambda: seen().rig.state == "exited", LONG_S)
        assert seen().runs["evening"].ended


def test_a_rig_without_runs_is_forgotten_when_it_is_gone():
    light = {"light": {"kind": "light", "settings": {"device": "simulated-light"}}}
    with AllSnapshots() as snapshots:
        with parfocal.open_rig({"name": "plain", "services": light}):
            assert poll_until(lambda: "plain" in snapshots.latest(), LONG_S)
            snapshots.look()
        assert poll_until(lambda: "plain" not in snapshots.latest(), LONG_S)
