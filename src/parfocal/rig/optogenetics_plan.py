"""What ``parfocal demo optogenetics`` asks for, as data: which microscope, which plan, which pipeline."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.rig.config import RigConfig, load_config, with_changes
from parfocal.rig.opening import load_source
from parfocal.runs import Sequence
from parfocal.runs.pipeline.pipeline import Pipeline
from parfocal.runs.pipeline.step import Step
from parfocal.runs.settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_POSITIONS, MOST_CELLS = 25, 300
FIELD_UM = 512 * 0.65
"""Edge of what the camera of the built-in rig sees."""
_PITCH_UM = 350.0
REPORTER = "cytoplasm"
"""The channel that shows the reporter."""
_CELLS = "parfocal.analysis.cells."


class OptogeneticsPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cells are imaged, how often, and where the record goes."""

    time_points: int = 20
    positions: int = 2
    interval: float = 1.0
    cells: int = 60
    out: Path = Path("runs")
    seed: int = 0
    view: bool = False

    def __post_init__(self) -> None:
        for name, most in (("time_points", 100_000), ("positions", MOST_POSITIONS), ("cells", MOST_CELLS)):
            if not 1 <= getattr(self, name) <= most:
                raise BadInputError(f"{name} must be 1 to {most}, not {getattr(self, name)}")
        if not 0 < self.interval < math.inf:
            raise BadInputError(f"interval must be a time above 0 s, not {self.interval:g}")
        if not 0 <= self.seed < 2**63:
            raise BadInputError(f"seed must be a number from 0 to 2**63 - 1, not {self.seed}")

    @property
    def first_stimulus(self) -> int:
        """The time point of the first stimulus: a quarter of them show the cells as they were."""
        return self.time_points // 4


def optogenetics_config(plan: OptogeneticsPlan, calibration: Path) -> RigConfig:
    """Return the built-in optogenetics rig, as the plan wants it, under a name of its own.

    Parameters
    ----------
    plan : OptogeneticsPlan
        How many cells, which ones, and where the record goes.
    calibration : Path
        The file in which the modulator keeps its calibration.

    Examples
    --------
    >>> config = optogenetics_config(OptogeneticsPlan(cells=100), Path("calibration.json"))
    >>> round(config.services["camera"].settings["options"]["spacing_um"], 2)
    33.28
    """
    changes = {
        "camera.options.spacing_um": FIELD_UM / math.sqrt(plan.cells),
        "camera.options.seed": plan.seed,
        "modulator.calibration_file": str(calibration),
        "recorder.folder": str(plan.out),
    }
    config = with_changes(load_source("optogenetics"), changes)
    runs = (config.runs or RunSettings()).model_copy(update={"keep_times": False})
    own = {"name": f"demo-{os.getpid()}", "runs": runs}
    return load_config(config.model_copy(update=own))


def optogenetics_sequence(plan: OptogeneticsPlan) -> Sequence:
    """Return what is imaged when, and at which time points the chosen cells are stimulated.

    Examples
    --------
    >>> asked = optogenetics_sequence(OptogeneticsPlan(time_points=8, positions=2))
    >>> [event.channel for event in asked.events() if event.index["t"] == 2][:3], len(asked)
    (['cytoplasm', 'nucleus', 'stimulation'], 44)
    """
    return Sequence(
        time_plan={"interval": plan.interval, "loops": plan.time_points},
        stage_positions=list(_places(plan.positions)),
        channels=[REPORTER, "nucleus"],  # that of which the mask is made comes last
        stim_channels=["stimulation"],
        stim_frames=range(plan.first_stimulus, plan.time_points),
        stim_exposure=10.0,
    )


def every_second_cell() -> Pipeline:
    """Return the pipeline: nuclei are found and followed, their reporter is measured, every second is lit.

    A stimulus waits for its mask, however busy the machine is.
    """
    return Pipeline(
        segment=Step(call=f"{_CELLS}segment:otsu", settings={"min_contrast": 100.0}),
        track=Step(call=f"{_CELLS}linking:NearestLinker", settings={"search_px": 10.0}),
        features=Step(call=f"{_CELLS}measure:measure", settings={"ring_px": 4.0}),
        choose=Step(call=f"{_CELLS}choosing:every", settings={"k": 2}),
        stimulate=Step(call=f"{_CELLS}masks:cells"),
        channel="nucleus",
        late="hold",
    )


def _places(count: int) -> Iterator[dict[str, float | str]]:
    """Yield positions on a square grid around the middle of the sample, so that no two show the same."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    for number in range(count):
        row, column = divmod(number, columns)
        x, y = (column - (columns - 1) / 2) * _PITCH_UM, (row - (rows - 1) / 2) * _PITCH_UM
        yield {"name": f"p{number}", "x": x, "y": y, "z": 0.0}
