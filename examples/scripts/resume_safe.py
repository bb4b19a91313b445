"""Visits wells one after the other, and remembers beside its file which are done: started again, it goes on.

``parfocal script run resume_safe.py --rig microscope``
"""

import json
from pathlib import Path

from parfocal.runs import Sequence

WELLS = {"A1": (0.0, 0.0), "A2": (200.0, 0.0), "B1": (0.0, 200.0), "B2": (200.0, 200.0)}
DONE = Path(__file__).with_suffix(".done.json")


def look(name, at):
    """Return the plan of one well."""
    x_um, y_um = at
    return Sequence(
        stage_positions=[{"name": name, "x": x_um, "y": y_um}],
        channels=[{"config": "nucleus", "exposure": 10}],
    )


def main(lab):
    done = json.loads(DONE.read_text()) if DONE.exists() else {}
    lab.log(f"done before: {', '.join(done) or 'nothing'}")
    for number, (name, at) in enumerate(WELLS.items(), 1):
        if name in done:
            continue
        lab.step(f"well {name}", number, len(WELLS))
        status = lab.run(look(name, at), name=name).wait()
        if status.outcome == "complete":
            done[name] = status.folder
            draft = DONE.with_suffix(".new")
            draft.write_text(json.dumps(done))
            draft.replace(DONE)  # at once: never half a file
