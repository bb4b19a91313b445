"""Pictures of the live viewer on the tweezers demo, as a person sees it; docs/pictures holds the dark one.

``PARFOCAL_PICTURES=docs/pictures pytest -m slow tests/viewers/test_pictures.py`` makes them anew.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import parfocal
from parfocal.core.clock import poll_until
from parfocal.rig.viewing import follow

PATIENCE_S = 120.0
SIZE = (1280, 800)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("theme", ["dark", "light", "red"])
def test_the_demo_with_beads_overlaid_and_plots_running(opened, theme, tmp_path):
    folder = Path(os.environ.get("PARFOCAL_PICTURES", tmp_path))
    with parfocal.open_rig("tweezers", changes={"camera.options.frame_rate_hz": 40.0}) as rig:
        viewer = opened("live", theme=theme, title="parfocal: simulated tweezers")
        rig["camera"].start()
        rig["tracker"].find_beads(timeout_s=PATIENCE_S)
        rig["tracker"].submit("build_tables", timeout_s=300).result()
        pane = follow(rig, "camera", viewer)
        viewer.plot_beads(2, 5, 9).received(PATIENCE_S)
        assert poll_until(lambda: viewer.panes()[pane]["markers"] > 30, PATIENCE_S)
        first = viewer.panes()[pane]["version"]
        assert poll_until(lambda: viewer.panes()[pane]["version"] > first + 200, PATIENCE_S)
        pixels = viewer.screenshot()
    Image.fromarray(pixels).save(folder / f"live-viewer-{theme}.png")
    assert pixels.shape[1] <= SIZE[0]
    assert pixels.shape[0] <= SIZE[1]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
