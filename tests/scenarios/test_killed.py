"""A recorded measurement in which each process in turn is killed or stopped."""

import json
import os
import signal
import threading

import numpy as np
import pytest

from parfocal.rig.opening import open_rig
from parfocal.rig.tracked_run import run_tracked
from parfocal.storage import open_frames, read_array, read_manifest

FRAMES = 150
SMALL = {
    "camera.options.width_px": 256,
    "camera.options.height_px": 256,
    "camera.options.beads": 4,
    "camera.options.frame_rate_hz": 50.0,
    "recorder.frames": "camera",
}
WAIT_S = 60


class Assassin:
    """Sends a signal to a service in the middle of a measurement, and hears what the rig says of it."""

    def __init__(self, rig, victim, signal_number):
        self.rig, self.victim, self.signal = rig, victim, signal_number
        self.pid = rig.status().services[victim].pid
        self.done = False
        self.states = []
        self.back = threading.Event()
        rig.subscribe(self.hear, topics=("state",))

    def hear(self, event):
        if event.service == "rig" and event.payload["name"] == self.victim and self.done:
            self.states.append(event.payload["state"])
            if event.payload["state"] == "ready":
                self.back.set()

    def tell(self, progress):
        if progress.phase == "measuring" and progress.fraction > 0.3 and not self.done:
            self.done = True
            os.kill(self.pid, self.signal)


HOWS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}
BY_DEFAULT = {("camera", "killed"), ("tracker", "stopped"), ("recorder", "killed")}
CASES = [
    pytest.param(victim, how, marks=() if (victim, how) in BY_DEFAULT else pytest.mark.slow)
    for victim in ("camera", "tracker-1", "tracker", "recorder")
    for how in HOWS
]


@pytest.mark.parametrize(("victim", "how"), CASES)
def test_a_process_dies_in_the_middle(victim, how, tmp_path):
    signal_number = HOWS[how]
    with open_rig("tweezers", name="killed", changes=SMALL | {"recorder.folder": str(tmp_path)}) as rig:
        rig["camera"].snap(timeout_s=WAIT_S)
        rig["tracker"].find_beads(timeout_s=WAIT_S)
        assassin = Assassin(rig, victim, signal_number)
        done = run_tracked(rig, FRAMES, report=assassin.tell)
        assert assassin.done
        assert assassin.back.wait(WAIT_S)
        status = rig.status()
    seen_as = {"crashed"} if signal_number == signal.SIGKILL else {"hung", "crashed"}
    assert seen_as & set(assassin.states)
    assert status.services[victim].restarts == 1
    assert {name for name, service in status.services.items() if service.restarts} == {victim}
    assert all(reader.balances for stream in status.streams.values() for reader in stream.readers)
    check_counts(done)
    check_files(done, tmp_path)


def check_counts(done):
    exposed, tracked, dropped = done.ledger[:3]
    assert exposed >= FRAMES
    assert tracked + sum(dropped.values()) == exposed
    lost = {name: stream.lost for name, stream in done.manifest.streams.items()}
    losses = sum(done.manifest.losses.values())
    assert losses + lost["camera"] >= sum(dropped.values())
    lost_in_all = sum(lost.values()) + losses
    outcome = "complete" if not lost_in_all else f"incomplete: lost {lost_in_all}"
    assert done.manifest.outcome == done.status.outcome == outcome


def check_files(done, folder):
    (run,) = [path for path in folder.iterdir() if path.is_dir()]
    manifest = read_manifest(run)
    assert json.loads((run / "manifest.json").read_text())["outcome"] == done.status.outcome
    stored = {name: stream.stored for name, stream in manifest.streams.items()}
    for name in ("tracks", "truth"):
        assert len(read_array(run / name)) == stored[name]
    tracks = read_array(run / "tracks")
    pairs = np.stack([tracks["frame"].astype(np.int64), tracks["bead"].astype(np.int64)])
    assert np.unique(pairs, axis=1).shape[1] == len(tracks), "a bead was written twice in a frame"
    assert (np.diff(tracks["frame"].astype(np.int64)) >= 0).all()
    assert open_frames(run / "frames.ome.zarr").shape[0] >= stored["camera"]
