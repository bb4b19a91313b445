"""Make pictures/run-in-the-terminal.svg: ``python docs/make_run_picture.py``.

It is what `parfocal runs --watch` draws, by the same code, of a run in the middle of a plan.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from parfocal.cli.run_view import run_view
from parfocal.core.run_status import QueueDepth, RunStatus, Stimulations
from parfocal.runs import Schedule, Sequence, combine, confirm, wait
from parfocal.runs.plans.outline import outline_of

PICTURE = Path(__file__).parent / "pictures" / "run-in-the-terminal.svg"
COLUMNS = 80
PLACES = [(0, 0), (300, 0), (600, 200), (100, 400)]
PLAN = combine(
    Sequence(time_plan={"interval": 30, "loops": 6}, stage_positions=PLACES, channels=["nucleus"]),
    wait(60),
    confirm("is the drug in?"),
    Sequence(
        time_plan={"interval": 30, "loops": 6},
        stage_positions=PLACES,
        channels=["nucleus"],
        stim_channels=[{"config": "stimulation", "exposure": 10}],
        stim_frames="every 2",
    ),
)
EVENT = next(PLAN.events(39))
STATUS = RunStatus(
    run="drug",
    state="running",
    events_total=len(PLAN),
    event_number=EVENT.number,
    event_kind=EVENT.kind,
    event_index=EVENT.index,
    events_consumed=EVENT.number,
    events_acquired=EVENT.number,
    frames_received=37,
    frames_stored=36,
    elapsed_s=(EVENT.min_start_time or 0.0) + 3.0,
    scheduled_s=EVENT.min_start_time or 0.0,
    remaining_s=PLAN.duration_s - (EVENT.min_start_time or 0.0),
    lag_ms=38.0,
    stimulations=Stimulations(asked=4, fired=4),
    queues={"camera": QueueDepth(depth=1, maximum=64), "recorder": QueueDepth(depth=9, maximum=64)},
)


def picture() -> str:
    """Return the picture as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(run_view(STATUS, outline_of(Schedule(PLAN), COLUMNS), COLUMNS))
    drawn = console.export_svg(title="parfocal runs --watch", unique_id="run")
    return (
        re.sub(r" *@font-face \{.*?\}\n", "", drawn, flags=re.DOTALL) + "\n"
    )  # it has to be whole by itself


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
