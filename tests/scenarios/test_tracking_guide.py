"""The guide's session with a tracker, as it stands there."""

import re
from pathlib import Path

from parfocal.rig.opening import open_rig

GUIDE = Path(__file__).parents[2] / "docs" / "tracking.md"
SMALL = {
    "camera.options.width_px": 352,
    "camera.options.height_px": 352,
    "camera.options.beads": 6,
    "camera.options.stuck": 1.0,
    "camera.options.frame_rate_hz": 50.0,
}


def test_the_session_of_the_guide_runs(tmp_path):
    (session,) = re.findall(r"## In a rig\n.*?```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    changes = SMALL | {"recorder.folder": str(tmp_path)}
    with open_rig("tweezers", changes=changes) as rig:
        names = {}
        exec(session, names)
        names["rig"].close()
        assert len(rig["tracker"].list_rois().rois) == 6
    rings = names["rings"]
    assert set(rings["bead"]) == {3}
    assert len(rings) % 32 == 0
    assert rings["r_px"].max() < 32
