"""Snapshots of a rig and its runs for windows: nothing waits, whatever the rig does."""

from __future__ import annotations

import queue
import threading

import pytest

from parfocal.core.errors import BadInputError
from parfocal.rig.opening import open_rig
from parfocal.rig.snapshots import RigSnapshot, Snapshots

LONG_S = 60.0
CONFIG = {
    "name": "shown",
    "services": {"light": {"kind": "light", "settings": {"device": "simulated-light"}}},
}


def until(seen: queue.Queue[RigSnapshot], wanted) -> RigSnapshot:
    while True:
        snapshot = seen.get(timeout=LONG_S)
        if wanted(snapshot):
            return snapshot


def pid_in(snapshot: RigSnapshot) -> int:
    light = snapshot.rig.services.get("light")
    return light.pid if light is not None else 0


def watch_a_life(seen: queue.Queue[RigSnapshot]) -> None:
    with open_rig(CONFIG) as rig:
        pid = rig.status().services["light"].pid
        assert until(seen, lambda snapshot: snapshot.rig.state == "running").runs == {}
        until(seen, lambda snapshot: pid_in(snapshot) == pid)
        rig.restart("light")
        until(seen, lambda snapshot: pid_in(snapshot) not in (0, pid))
    until(seen, lambda snapshot: snapshot.rig.state == "exited")


def test_a_rig_is_shown_before_it_runs_while_it_runs_after_its_end_and_when_it_is_back():
    seen: queue.Queue[RigSnapshot] = queue.Queue()
    with Snapshots("shown", seen.put, every_s=0.05):
        assert seen.get(timeout=LONG_S).rig.state == "exited"
        watch_a_life(seen)
        watch_a_life(seen)
    assert seen.empty()


def test_a_callback_that_hangs_keeps_nobody_waiting():
    entered, gate = threading.Event(), threading.Event()
    shown: queue.Queue[RigSnapshot] = queue.Queue()

    def hang(snapshot: RigSnapshot) -> None:
        entered.set()
        gate.wait(LONG_S)
        shown.put(snapshot)

    with open_rig(CONFIG) as rig, Snapshots("shown", hang, every_s=0.05):
        assert entered.wait(LONG_S)
        rig.restart("light")
        pid = rig.status().services["light"].pid
        gate.set()
        until(shown, lambda snapshot: pid_in(snapshot) == pid)


def test_what_does_not_change_is_told_once():
    seen: queue.Queue[RigSnapshot] = queue.Queue()
    with Snapshots("nobody", seen.put, every_s=0.05) as snapshots:
        seen.get(timeout=LONG_S)
        for _ in range(5):
            snapshots.look()
        with open_rig(CONFIG | {"name": "nobody"}):
            until(seen, lambda snapshot: snapshot.rig.state == "running")
        exited = [snapshot for snapshot in list(seen.queue) if snapshot.rig.state == "exited"]
        assert len(exited) <= 1


def test_too_many_looks_a_second_are_refused():
    with pytest.raises(BadInputError, match=r"every_s must be 0\.05 s or more, not 0\.01"):
        Snapshots("nobody", print, every_s=0.01)
