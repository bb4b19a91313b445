"""Images cells and lights them, as a plan; tries again when a run fails, and asks a person after that.

``parfocal script run stimulate_with_retry.py --rig optogenetics``
"""

from parfocal.core.errors import RunFailedError
from parfocal.runs import Sequence

TRIES = 3
PLAN = Sequence(
    time_plan={"interval": 1.0, "loops": 20},
    channels=[{"config": "nucleus", "exposure": 10}],
    stim_channels=[{"config": "stimulation", "exposure": 5}],
    stim_frames="every 5",
)


def carried_out(lab):
    """Return whether the plan was carried out, in one of the tries."""
    for number in range(1, TRIES + 1):
        lab.step(f"try {number}", number, TRIES)
        try:
            status = lab.run(PLAN, name=f"try {number}").wait()
        except RunFailedError as error:
            lab.log(f"it failed: {error}")
            lab.sleep(5.0)
            continue
        lab.log(f"{status.stimulations.fired} stimuli, {status.frames_received} frames")
        return status.outcome == "complete"
    return False


def main(lab):
    while not carried_out(lab):
        if lab.ask("the plan failed; look at the microscope, and try again?") == "no":
            return
