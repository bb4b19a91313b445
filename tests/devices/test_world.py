import subprocess
import sys

import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.devices.context import DeviceContext
from parfocal.devices.simulated.world import HOME, World


def test_a_new_world_is_at_home():
    world = World.of(DeviceContext())
    assert {name: world.position(name, 0) for name in HOME} == HOME


def test_a_move_is_seen_at_any_time():
    world = World.of(DeviceContext())
    world.move("focus_nm", 1000.0, now_ns=0, speed=1000.0)
    seen = [world.position("focus_nm", round(t * 1e9)) for t in (0.0, 0.25, 1.0, 5.0)]
    assert seen == pytest.approx([0.0, 250.0, 1000.0, 1000.0])
    world.move("focus_nm", 0.0, now_ns=500_000_000, speed=1000.0)
    assert world.position("focus_nm", 750_000_000) == pytest.approx(250.0)


def test_it_outlives_the_process_that_made_it(tmp_path):
    code = (
        "import sys, pathlib; from parfocal.devices.context import DeviceContext;"
        "from parfocal.devices.simulated.world import World;"
        "World.of(DeviceContext(folder=pathlib.Path(sys.argv[1]))).move('magnet_nm', 5.0, 0)"
    )
    before = World.of(DeviceContext(folder=tmp_path))
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    assert before.position("magnet_nm", 1) == 5.0
    assert World.of(DeviceContext(folder=tmp_path)).position("magnet_nm", 1) == 5.0


def test_a_writer_that_died_in_the_middle_does_not_stop_the_others(tmp_path):
    world = World.of(DeviceContext(folder=tmp_path))
    world.move("light", 0.5, now_ns=0)
    world._motions["sequence"] += 1
    assert world.position("light", 1) == 0.5
    world.move("light", 0.25, now_ns=1)
    assert world.position("light", 2) == 0.25
    assert (world._motions["sequence"] % 2 == np.array([1, 1, 0])).all()


def test_an_unknown_thing_is_named():
    with pytest.raises(BadInputError, match="'laser'"):
        World.of(DeviceContext()).position("laser", 0)
