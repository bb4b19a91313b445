"""Each function and class on cells is a step of a pipeline as it stands: what it needs is given by name."""

import pytest

from parfocal.runs.pipeline.step import Step, resolve

CELLS = "parfocal.analysis.cells"
STEPS = {
    "segment": {"segment:otsu": {}, "segment:local_threshold": {"size_px": 51}},
    "features": {"measure:measure": {"ring_px": 4}, "measure:places": {}},
    "track": {"linking:NearestLinker": {"search_px": 9}, "divisions:DivisionLinker": {}},
    "choose": {
        "choosing:above": {"column": "ratio_erk", "threshold": 1.0},
        "choosing:brightest": {"column": "mean_erk", "count": 3},
        "choosing:every": {"k": 2},
        "choosing:picked": {},
    },
    "stimulate": {
        "masks:whole_field": {},
        "masks:no_light": {},
        "masks:centre_circle": {"diameter": 0.3},
        "masks:line": {"width_px": 9},
        "masks:moving_line": {"width_px": 9},
        "masks:cells": {},
        "masks:part_of_cells": {"fraction": 0.2},
        "masks:top_edge": {},
    },
}


@pytest.mark.parametrize(
    ("stage", "call", "settings"),
    [(stage, call, settings) for stage, steps in STEPS.items() for call, settings in steps.items()],
)
def test_it_is_a_step(stage, call, settings):
    step = resolve(stage, Step(call=f"{CELLS}.{call}", settings=settings))
    assert step.needs
    assert not set(step.needs) & set(settings)
    assert len(step.source) == 64
