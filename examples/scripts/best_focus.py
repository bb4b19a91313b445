"""Finds the height at which images are sharpest, in few runs: each is where the ones before promise most.

``parfocal script run best_focus.py --rig microscope``
"""

import numpy as np

from parfocal.analysis.optimising import GaussianProcessOptimiser
from parfocal.runs import Sequence

LOW_UM, HIGH_UM = -20.0, 20.0
RUNS = 12


def plan(z_um):
    return Sequence(channels=["nucleus"], stage_positions=[(0, 0, z_um)])


def sharpness(run):
    pixels = run.frames("camera", p=0).array()[0].astype(float)
    return float(np.mean([np.var(np.diff(pixels, axis=axis)) for axis in (-2, -1)]))


def main(lab):
    process = GaussianProcessOptimiser({"z_um": (LOW_UM, HIGH_UM)}, seed=1)
    lab.campaign(plan, sharpness, process, steps=RUNS)
    values, score = process.best
    lab.log(f"sharpest at {values['z_um']:.2f} um, with {score:.4g}")
