"""Pictures of the live viewer on the two demos, as a person sees it; docs/pictures holds the dark ones.

``PARFOCAL_PICTURES=docs/pictures pytest -m slow tests/viewers/test_pictures.py`` makes them anew.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import parfocal
from parfocal.core.clock import poll_until
from parfocal.rig.optogenetics_plan import (
    OptogeneticsPlan,
    every_second_cell,
    optogenetics_config,
    optogenetics_sequence,
)
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


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_run_with_its_cells_masks_and_tracks(opened, theme, tmp_path):
    folder = Path(os.environ.get("PARFOCAL_PICTURES", tmp_path))
    plan = OptogeneticsPlan(time_points=16, positions=2, interval=1.0, out=tmp_path)
    with parfocal.open_rig(optogenetics_config(plan, tmp_path / "calibration.json")) as rig:
        rig["modulator"].calibrate()
        viewer = opened("live", theme=theme, title="parfocal: a closed loop")
        handle = rig.run(optogenetics_sequence(plan), name="demo", pipeline=every_second_cell())
        viewer.follow(handle).received(PATIENCE_S)
        handle.wait(PATIENCE_S)
        assert poll_until(lambda: viewer.followed_runs()[0]["state"] == "complete", PATIENCE_S)
        pane = "demo channel-nucleus"
        assert poll_until(
            lambda: {one.name for one in viewer.annotations(pane)} == {"labels", "tracks", "fired mask"},
            PATIENCE_S,
        )
        labels = next(one for one in viewer.annotations(pane) if one.name == "labels").image
        middle = (labels.shape[1] / 2, labels.shape[0] / 2)
        places = {n: np.argwhere(labels == n).mean(axis=0)[::-1] for n in np.unique(labels[labels > 0])}
        for particle in sorted(places, key=lambda n: float(np.hypot(*(places[n] - middle))))[:3]:
            viewer.pick(pane, *map(float, places[particle])).received(PATIENCE_S)
        for name in viewer.panes():
            viewer.set_display(name, center=middle, zoom=2.0).received(PATIENCE_S)
        viewer.remove("demo channel-stimulation").received(PATIENCE_S)
        pixels = viewer.screenshot()
    Image.fromarray(pixels).save(folder / f"followed-run-{theme}.png")
    assert pixels.shape[1] <= SIZE[0]
    assert pixels.shape[0] <= SIZE[1]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
