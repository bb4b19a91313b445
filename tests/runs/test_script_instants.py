"""A script that is paused, resumed and ended at any instant: outputs safe, files closed, no process left."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parfocal.core.clock import poll_until
from parfocal.core.errors import RunFailedError
from parfocal.rig.opening import open_rig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_roots")]
PATIENCE_S = 60.0
LAB = {
    "name": "instants",
    "services": {
        "lamp": {"kind": "light", "settings": {"device": "simulated-light"}},
        "magnet": {"kind": "stage", "settings": {"device": "simulated-magnet"}},
    },
}
SCRIPT = """
import os
from pathlib import Path
from parfocal.runs import call

def main(lab):
    print("pid", os.getpid())
    with open(Path(__file__).with_suffix(".rows"), "w") as rows:
        try:
            for turn in range(1000):
                lab.step(f"turn {turn}")
                lab["lamp"].set_power(0.1 + (turn % 9) / 10)
                rows.write(f"{turn}\\n")
                lab.run(call("magnet", "move_to", {"position_nm": 1e5 * (turn % 3)})).wait()
                lab.sleep(0.05)
        finally:
            rows.write("closed\\n")
"""


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    with open_rig(LAB | {"runs": {"folder": str(tmp_path_factory.mktemp("records"))}}) as rig:
        yield rig


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    file = tmp_path_factory.mktemp("script") / "turns.py"
    file.write_text(SCRIPT)
    return file


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended, also if nobody has collected it yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def pid_in(log: Path) -> int | None:
    line = re.search(r"^pid (\d+)\n", log.read_text(), re.MULTILINE)  # whole: half a line may be there
    return int(line[1]) if line else None


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    wishes=st.lists(st.tuples(st.floats(0, 0.3), st.sampled_from(["pause", "resume"])), max_size=4),
    last=st.tuples(st.floats(0, 0.5), st.sampled_from(["cancel", "finish", "kill"])),
)
def test_whenever_it_ends_nothing_is_left(rig, script, wishes, last) -> None:
    handle = rig.script(script)
    log = Path(handle.status().folder) / "script.log"
    for seconds, wish in wishes:
        time.sleep(seconds)
        getattr(handle, wish)("a bubble" if wish == "pause" else "shift")
    seconds, end = last
    time.sleep(seconds)
    if end == "kill":
        until(lambda: pid_in(log) is not None, "its first line")
        os.kill(pid_in(log), signal.SIGKILL)
    else:
        getattr(handle, end)("enough")
    with suppress(RunFailedError):
        handle.wait(PATIENCE_S)
    outcome = handle.status().outcome
    assert outcome == {"cancel": "cancelled", "finish": "finished early", "kill": "failed"}[end]
    until(lambda: rig["lamp"].power() == 0.0, "darkness")
    until(lambda: all(run.ended for run in rig.runs.statuses().values()), "the end of all runs")
    pid = pid_in(log)
    assert pid is None or not psutil.pid_exists(pid)
    rows = script.with_suffix(".rows")
    if end != "kill" and pid is not None and rows.exists():
        assert rows.read_text().endswith("closed\n") or "did not end by itself" in handle.status().reason
    document = json.loads((log.parent / "script.json").read_text())
    assert document["outcome"] == outcome
    assert all(child["outcome"] for child in document["children"])
    rows.unlink(missing_ok=True)
    rig["lamp"].set_power(0.0)  # nobody holds it any more


def test_the_death_of_the_engine_ends_the_script_and_closes_its_record(rig, script) -> None:
    handle = rig.script(script, name="orphan")
    log = Path(handle.status().folder) / "script.log"
    until(lambda: pid_in(log) is not None, "its first line")
    own = psutil.Process(pid_in(log))
    until(lambda: rig["lamp"].power() > 0, "light")
    os.kill(rig.status().services["runs"].pid, signal.SIGKILL)
    until(lambda: is_gone(own), "the end of the script")
    until(lambda: rig["lamp"].power() == 0.0, "darkness")
    with pytest.raises(RunFailedError, match="the run engine died"):
        handle.wait(PATIENCE_S)
    document = json.loads((log.parent / "script.json").read_text())
    assert (document["outcome"], document["reason"]) == ("failed", "the run engine died")
