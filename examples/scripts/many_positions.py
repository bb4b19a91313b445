"""Looks at several positions in turn, each focused anew, and stays longer where there is something to see.

``parfocal script run many_positions.py --rig microscope``
"""

from parfocal.runs import Sequence

POSITIONS = {"left": (-300.0, 0.0), "middle": (0.0, 0.0), "right": (300.0, 0.0)}
ROUNDS, INTERVAL_S = 10, 60.0
CHANNEL = {"config": "nucleus", "exposure": 10}


def series(name, at, images, interval_s):
    """Return a time lapse of one position, which is focused before its first image."""
    x_um, y_um = at
    return Sequence(
        stage_positions=[{"name": name, "x": x_um, "y": y_um, "z": 0.0}],
        time_plan={"interval": interval_s, "loops": images},
        channels=[CHANNEL],
        autofocus={"range": 8, "step": 2, "frames": [0]},
    )


def main(lab):
    for number in range(1, ROUNDS + 1):
        began_s = lab.time_s()
        for name, at in POSITIONS.items():
            lab.step(f"round {number}: {name}", of=ROUNDS * len(POSITIONS))
            images = 5 if name == "middle" else 1
            status = lab.run(series(name, at, images, 0.2), name=f"{name} {number}").wait()
            if status.autofocuses.failed:
                lab.log(f"{name}: no focus was found")
        lab.sleep(max(0.0, INTERVAL_S - (lab.time_s() - began_s)))
