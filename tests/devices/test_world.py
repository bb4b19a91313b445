import subprocess
import sys

import pytest

from parfocal.core.errors import BadInputError
from parfocal.devices.context import DeviceContext
from parfocal.devices.simulated.world import World


def test_a_new_world_is_at_home():
    world = World.of(DeviceContext())
    assert world.position("magnet_nm", 0, home=2e6) == 2e6
    assert world.position("x_um", 0) == 0.0


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


def test_any_number_of_things_move_and_none_disturbs_another(tmp_path):
    world = World.of(DeviceContext(folder=tmp_path))
    for place in range(100):
        world.move(f"axis{place}_um", float(place), now_ns=0)
    other = World.of(DeviceContext(folder=tmp_path))
    assert [other.position(f"axis{place}_um", 1) for place in range(100)] == list(range(100))


@pytest.mark.parametrize("name", ["../light", "", "a b", "x" * 101])
def test_a_name_that_is_no_file_is_refused(name):
    with pytest.raises(BadInputError, match="named like"):
        World.of(DeviceContext()).position(name, 0)
