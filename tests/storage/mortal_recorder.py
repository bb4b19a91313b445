"""Record the stream "tracks" in children that are killed: ``python mortal_recorder.py STREAMS RUNS DEATHS``.

Each child but the last kills itself: before or after it stores rows, or at any instant. The last one finishes
the run when a line comes in, and prints how it ended.
"""

import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from parfocal.storage import list_runs
from parfocal.storage.recording import Recording
from parfocal.storage.requests import RunRequest, Site, StreamRequest
from parfocal.storage.run_manifests import Ended
from parfocal.storage.tables import PartLimits, RowSink

LIMITS = PartLimits(rows=500)  # a part is closed again and again


def die() -> None:
    """End as one who is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def plan_death(dice: random.Random) -> None:
    """Have this process killed soon."""
    left = [dice.randrange(1, 4)]
    moment = dice.choice(["before", "after", "any"])
    if moment == "any":
        threading.Timer(dice.uniform(0.0, 0.2), die).start()
    store = RowSink.append

    def append(self: RowSink, rows: Any, sequence: int | None = None, **how: bool) -> None:
        left[0] -= 1
        if not left[0] and moment == "before":
            die()
        store(self, rows, sequence, **how)
        if not left[0] and moment == "after":
            die()

    RowSink.append = append  # type: ignore[method-assign]


def record(streams: Path, runs: Path, number: int, deaths: int) -> None:
    """Begin the run or go on with it; finish it if this child is the last one."""
    site = Site(streams=streams, rig="bench", service="recorder", on_error=print)
    if number == 0:
        tracks = StreamRequest(name="tracks", policy="block", limits=LIMITS)
        recording = Recording.begin(runs, [tracks], RunRequest(), site)
    if number < deaths:
        plan_death(random.Random(number))
    if number > 0:
        recording = Recording.go_on(Path(list_runs(runs)[0].folder), site, LIMITS)
    recording.start()
    print(number, flush=True)
    sys.stdin.readline()
    manifest = recording.finish(Ended(ending="complete"))
    print(manifest.outcome, manifest.streams["tracks"].lost, recording.folder.path, flush=True)


def main(streams: str, runs: str, deaths: str) -> None:
    """Have one child after the other, until one ends by itself."""
    for number in range(int(deaths) + 1):
        child = os.fork()
        if child == 0:
            record(Path(streams), Path(runs), number, int(deaths))
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
