"""A recorded experiment replayed through a plan: the record equals the file, index by index."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import tifffile

import parfocal
from parfocal.runs import Sequence

PATIENCE_S = 120.0
SHARED = Path(__file__).parents[3] / "shared" / "data" / "cells-3t2p2c.ome.tif"


def rig_file(path):
    """Return a rig that replays a file: its channels have no light, and its stage moves nothing."""
    settings = {"path": str(path), "rate": "fastest", "channel": "all", "position": "all"}
    return {
        "name": "replayed",
        "services": {
            "camera": {"kind": "camera", "settings": {"device": "replay", "options": settings, "slots": 8}},
            "xy": {"kind": "stage", "settings": {"device": "simulated-stage"}},
            "channels": {
                "kind": "channels",
                "settings": {"options": {"presets": {"nuclei": {}, "reporter": {}}}},
            },
            "recorder": {
                "kind": "recorder",
                "depends_on": ["camera"],
                "settings": {"frames": ["camera"], "least_free_mb": 0.0},
            },
        },
    }


@pytest.fixture(params=["own", "shared"])
def recorded(request, tmp_path):
    """A file and its images: (position, time, channel, y, x)."""
    if request.param == "own":
        path = tmp_path / "cells-3t2p2c.ome.tif"
        images = np.arange(2 * 3 * 2 * 32 * 48, dtype=np.uint16).reshape(2, 3, 2, 32, 48)
        with tifffile.TiffWriter(path, ome=True) as file:
            for position in images:
                file.write(position, photometric="minisblack", metadata={"axes": "TCYX"})
        return path, images
    if not SHARED.exists():
        pytest.skip("the real cells are not beside this project")
    images = tifffile.imread(SHARED)
    return SHARED, images.reshape(1, *images.shape)


def test_the_record_equals_the_file_index_by_index(recorded, tmp_path):
    path, images = recorded
    positions, times, channels = images.shape[:3]
    with parfocal.open_rig(rig_file(path)) as rig:
        for order in ("tpcz", "cptz"):
            plan = Sequence(
                time_plan={"interval": 0.0, "loops": times},
                stage_positions=[(100.0 * position, 0.0) for position in range(positions)],
                channels=["nuclei", "reporter"],
                axis_order=order,
            )
            status = rig.run(plan, name=order, folder=tmp_path / "runs").wait(timeout_s=PATIENCE_S)
            assert status.outcome == "complete"
            run = parfocal.open_run(status.folder)
            for p, t, c in itertools.product(range(positions), range(times), range(channels)):
                stored = np.asarray(run.frames(t=t, p=p, c=c, z=0))
                assert np.array_equal(stored, images[p, t, c]), (order, t, p, c)
