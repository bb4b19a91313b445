"""A time-lapse of two positions that is stimulated, watched, extended while it runs, and read back.

Run it: ``python examples/time_lapse.py``. What it does is told in docs/runs.md.
"""

import time

import parfocal
from parfocal.core.run_status import RunStatus
from parfocal.runs import Sequence, combine, wait

POSITIONS = [(0, 0, 0), {"name": "edge", "x": 300, "y": 0, "z": 2}]
CHANNELS = [
    {"config": "nucleus", "exposure": 20},
    {"config": "cytoplasm", "exposure": 40, "acquire_every": 2},
]

before = Sequence(
    time_plan={"interval": 0.5, "loops": 3},
    stage_positions=POSITIONS,
    channels=CHANNELS,
    metadata={"phase": "before", "phase_id": 0},
)
stimulated = Sequence(
    time_plan={"interval": 0.5, "loops": 3},
    stage_positions=POSITIONS,
    channels=CHANNELS,
    stim_channels=["stimulation"],
    stim_frames=[0, -1],
    stim_exposure=[10, 20],
    metadata={"phase": "stimulated", "phase_id": 1},
)


def show(status: RunStatus) -> None:
    """Print a line for each change; called in a thread of its own, and dropped if it raises."""
    where = f"{status.event_kind} {status.event_index} at {status.position}" if status.event_index else ""
    print(f"{status.state}: {status.events_acquired} of {status.events_total} events {where}")


with parfocal.open_rig("microscope") as rig:
    handle = rig.run(combine(before, wait(1), stimulated, axis="t"), name="time-lapse")
    handle.status_changed.connect(show)
    handle.extend(Sequence(stage_positions=POSITIONS, channels=["nucleus"]))  # one more look afterwards
    while not handle.status().events_acquired:
        time.sleep(0.05)
    handle.pause("to think")
    handle.resume(policy="shift")
    status = handle.wait(timeout_s=60)

record = parfocal.open_run(status.folder)
print(f"{record.outcome}: {status.frames_received} frames, {status.stimulations.fired} stimuli")
edge = record.frames(p="edge", c="nucleus", z=0).array()
print(f"nucleus at the edge: {edge.shape}, {edge.dtype}, mean counts {edge.mean():.0f}")
print(f"{len(record.events())} events are in the log of {record.folder}")
