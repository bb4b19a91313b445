from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from parfocal.analysis.beads.assignment import Assignment, CameraNoise
from parfocal.analysis.beads.regions import Regions
from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.versions import RoiVersions

PATIENCE_S = 30.0


def test_the_noise_is_set_while_another_change_waits_for_a_worker(tmp_path: Path) -> None:
    told: list[Assignment] = []
    asked, answered = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        assert answered.wait(PATIENCE_S)

    def tell(assignment: Assignment) -> Callable[[], None]:
        told.append(assignment)
        return wait

    rois = RoiSet(roi_px=64, width_px=320, height_px=320)
    regions = Regions(
        Assignment(owner=1, rois=rois, noise=CameraNoise()),
        tell,
        RoiVersions(tmp_path / "regions", 1),
        lambda numbers, version: None,
    )
    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(regions.change, lambda rois: rois.added([(100.0, 100.0)]))
        assert asked.wait(PATIENCE_S)
        regions.set_noise(CameraNoise(gain_e_per_adu=2.0))
        assert not adding.done()
        answered.set()
        assert adding.result(PATIENCE_S).beads == (0,)
    assert [(len(each.rois.beads), each.noise.gain_e_per_adu) for each in told] == [(1, 1.0), (1, 2.0)]
