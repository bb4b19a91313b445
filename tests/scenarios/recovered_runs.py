"""What tests of runs that are cut short share: their plan, who owns the rig, what has to be true then."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError, CommandError
from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.processes import directory

PATIENCE_S = 120.0
LOOPS, PLACES = 8, ((0, 0), (300, 0))
HALF = {
    "time_plan": {"interval": 0.2, "loops": LOOPS // 2},
    "stage_positions": [list(place) for place in PLACES],
    "channels": ["nucleus"],
    "stim_channels": [{"config": "stimulation", "exposure": 20}],
    "stim_frames": "all",
}
PLAN = {"type": "combine", "axis": "t", "plans": [HALF, {"type": "confirm", "text": "go on?"}, HALF]}
"""It waits in its middle: no test has to be quicker than the run."""
STIMULI = LOOPS * len(PLACES)
EVENTS = 2 * STIMULI + 1
OWNER = """
import json, sys, time
from parfocal import open_rig

if __name__ == "__main__":
    with open_rig("optogenetics", changes={"recorder.folder": sys.argv[1]}) as rig:
        rig.run(json.loads(sys.argv[2]), name="first")
        time.sleep(1000)
"""


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


def kill_all(process):
    """Kill a program and all that it has started, at once; return when nothing of it is left."""
    whole = [process, *process.children(recursive=True)]
    for one in whole:
        with suppress(psutil.NoSuchProcess):
            one.suspend()  # so that nobody sees another one die
    whole = [*whole, *(child for one in whole if one.is_running() for child in one.children())]
    for one in whole:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(whole, PATIENCE_S)


@contextmanager
def owner(tmp_path):
    """A program that owns a rig, and a run in it; it is killed at the end."""
    script = tmp_path / "owner.py"
    script.write_text(OWNER, encoding="utf-8")
    command = [sys.executable, str(script), str(tmp_path / "runs"), json.dumps(PLAN)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as program:
        try:
            yield program
        finally:
            with suppress(psutil.NoSuchProcess):
                kill_all(psutil.Process(program.pid))


def folder_once(done, rig="optogenetics"):
    """Wait until a run has done so many events, or asks its question; return the folder of its record."""
    until(lambda: rig in [record.rig for record in directory.rigs()], "the start")
    with parfocal.attach(rig) as running:
        until(lambda: has_done(running, done), "some events")
        return Path(running.runs["first"].status().folder)


def has_done(rig, count):
    with suppress(CommandError, BadInputError):  # it is just starting
        status = rig.runs["first"].status()
        return status.events_acquired >= count or bool(status.question)
    return False


def is_under_way(handle):
    """Wait until a run is in the middle of its events."""
    until(lambda: handle.status().events_acquired >= 6 or handle.status().question, "some events")


def answered(handle):
    """Answer the question of a run if it comes; return the final status."""
    until(lambda: handle.status().ended or handle.status().question, "the question")
    if handle.status().question:
        handle.confirm()
    return handle.wait(PATIENCE_S)


def chunks(folder):
    """Return the frames that are acknowledged: the bytes of their pixels, by file.

    A file of which nobody knows yet may be there as well: that frame is taken again.
    """
    record = parfocal.open_run(folder)
    images = folder / record.manifest.streams["camera"].path
    there = {tuple(frame.index[axis] for axis in "ptcz") for frame in record.frames("camera")}
    files = {images / f"{p}/0/c.{t}.{c}.{z}.0.0" for p, t, c, z in there}
    assert files
    return {file: file.read_bytes() for file in files}


def check_whole(folder, before=None):
    """Compare a record that was completed with what the plan asks for, and with what it held before."""
    record = parfocal.open_run(folder)
    log = record.events()
    assert sorted(log["number"].tolist()) == list(range(EVENTS)), "an event without a row, or with two"
    found = recovered(record).details
    stimuli = log[log["kind"] == EVENT_KINDS.index("stimulus")]
    missing = [tuple(index[axis] for axis in "tpcz") for index in record.frames("camera").missing]
    gone = set(log["number"][log["outcome"] != 0].tolist())
    assert sorted(gone) == sorted({*found["unsure"], *found["lost"]})
    assert len(missing) == len(gone)
    assert gone <= set(stimuli["number"].tolist()), "every image is there"
    expected = "complete" if not gone else f"incomplete: lost {len(gone)}"
    assert record.outcome == expected, record.manifest.reason
    assert "recovered from event" in record.manifest.reason
    for file, pixels in (before or {}).items():
        assert file.read_bytes() == pixels, f"{file} has changed"
    return record


def recovered(record):
    """Return what a record tells of how it was recovered last."""
    return [command for command in record.manifest.commands if command.command == "recover"][-1]


def pulses(log, light="stimulation"):
    """Return when a light went on, of the changes that the world tells."""
    levels = [(change.time_ns, change.level) for change in log if change.light == light]
    return [
        at
        for (at, level), (_, before) in zip(levels, [(0, 0.0), *levels], strict=False)
        if level and not before
    ]


def last_change_ns(sample):
    """Return when the light in the sample has changed last, as its world left it."""
    world = sample.read()
    assert world is not None
    return max(light.steps[-1].time_ns for light in world.lights.values())


def is_lit(sample):
    """Return whether any light reaches the sample, as its world left it: also after that has ended."""
    world = sample.read()
    now_ns = SYSTEM_CLOCK.monotonic_ns()
    return world is not None and any(light.level(now_ns) > 0 for light in world.lights.values())
