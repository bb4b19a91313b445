"""Finds the sharpest height with the next image asked for ahead, and replaced when one before says better.

``parfocal script run look_ahead.py --rig microscope``
"""

import numpy as np

import parfocal
from parfocal.analysis.optimising import GaussianProcessOptimiser
from parfocal.runs import Sequence, combine

LOW_UM, HIGH_UM = -20.0, 20.0
STEPS = 8


def plan(z_um):
    return Sequence(channels=["nucleus"], stage_positions=[(0, 0, z_um)])


def sharpness(folder, t):
    (frame,) = parfocal.open_run(folder).frames("camera", t=t)
    pixels = frame.data.astype(float)
    return float(np.mean([np.var(np.diff(pixels, axis=axis)) for axis in (-2, -1)]))


def main(lab):
    process = GaussianProcessOptimiser({"z_um": (LOW_UM, HIGH_UM)}, seed=1)
    tried = [process.ask(), process.ask()]  # the second is imaged while the first is looked at
    run = lab.run(combine(*(plan(**values) for values in tried), axis="t"), open_ended=True)
    step = 0
    while step < len(tried):
        lab.wait_until(lambda number=step: run.status().frames_stored > number)
        process.tell(tried[step], sharpness(run.status().folder, step))
        step += 1
        if step < STEPS:
            better = process.ask()
            begun = run.replace_future(plan(**better)).events_total - 1  # these stay as they are
            for replaced in tried[begun:]:
                process.leave_out(replaced)
            tried = [*tried[:begun], better]
    run.finish()
    values, score = process.best
    lab.log(f"sharpest at {values['z_um']:.2f} um, with {score:.4g}")
