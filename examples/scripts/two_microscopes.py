"""Finds with two microscopes at once how much light sharp images need: all steps of each are one run.

``parfocal up microscope --name left --detach``, ``parfocal up microscope --name right --detach``, and then
``parfocal script run two_microscopes.py --rig left``
"""

import numpy as np

from parfocal.analysis.optimising import GaussianProcessOptimiser
from parfocal.runs import Sequence

OTHERS = ["right"]
STEPS = 12
SHORTEST_MS, LONGEST_MS = 2.0, 100.0


def plan(exposure_ms):
    return Sequence(
        channels=[{"config": "nucleus", "exposure": exposure_ms}],
        stage_positions=[(0, 0, 0)],
        time_plan={"interval": 0, "loops": 3},
    )


def contrast_per_light(run):
    """Return how well cells stand out, less what the exposure costs them."""
    pixels = run.frames("camera", p=0, c=0, z=0).array().astype(float)
    exposure_ms = float(np.mean(run.events()["exposure_ms"]))
    return float(np.mean(pixels.std(axis=(1, 2)) / pixels.mean(axis=(1, 2)))) - 0.002 * exposure_ms


def main(lab):
    process = GaussianProcessOptimiser({"exposure_ms": (SHORTEST_MS, LONGEST_MS)}, seed=1)
    lab.campaign(plan, contrast_per_light, process, steps=STEPS, one_run=True, also_on=OTHERS)
    values, score = process.best
    lab.log(f"best at {values['exposure_ms']:.1f} ms, with {score:.3g}")
