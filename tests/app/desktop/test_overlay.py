"""Cells and lit masks of a run over its live images, and nothing over images of no run."""

from __future__ import annotations

import numpy as np
import pytest

import parfocal
from parfocal.rig.optogenetics_plan import (
    OptogeneticsPlan,
    every_second_cell,
    optogenetics_config,
    optogenetics_sequence,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def plan(tmp_path):
    """Two time points of one place, with light in the second one."""
    return OptogeneticsPlan(time_points=2, positions=1, cells=20, out=tmp_path / "runs")


@pytest.fixture
def rig(plan, tmp_path):
    """A simulated optogenetics microscope, calibrated."""
    with parfocal.open_rig(optogenetics_config(plan, tmp_path / "calibration.json")) as opened:
        opened["modulator"].calibrate(timeout_s=120.0)
        yield opened


def over(live) -> dict[str, object]:
    """Return what lies over the live image, by name."""
    return {} if live.pane.shown is None else {one.name: one for one in live.pane.shown.annotations}


def test_cells_and_the_lit_mask_lie_over_images_of_the_run(plan, rig, window, until):
    window.show_rig(rig.name)
    assert until(lambda: window.area is not None and window.area.is_laid_out)
    live = window.area.open("live camera").panel
    assert live.overlay.isHidden()
    handle = rig.run(optogenetics_sequence(plan), name="loop", pipeline=every_second_cell())
    assert until(lambda: set(over(live)) == {"cells", "lit mask"}), handle.status()
    assert live.overlay.isVisible()
    assert handle.wait(120.0).outcome == "complete"
    record = parfocal.open_run(handle.status().folder)
    last = plan.time_points - 1
    labels = np.asarray(record.frames("labels", t=last, p=0))
    assert until(lambda: np.array_equal(over(live)["cells"].image != 0, labels != 0)), (
        "also the cell of particle 0"
    )
    assert over(live)["cells"].count == labels.max()
    mask = np.asarray(record.frames("masks", t=last, p=0)) != 0
    assert np.array_equal(over(live)["lit mask"].image != 0, mask)
    assert mask.any()
    live.overlay.cells.click()
    assert until(lambda: set(over(live)) == {"lit mask"})
    live.overlay.lit.click()
    assert until(lambda: not over(live))
    live.overlay.cells.click()
    assert until(lambda: set(over(live)) == {"cells"})
    rig["camera"].snap()
    assert until(lambda: not over(live)), "nobody has analysed it"
