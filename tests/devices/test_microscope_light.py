"""What light reaches the simulated sample, and what its world tells of it."""

import shutil
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.channels import LightState
from parfocal.core.errors import BadInputError, ConfigError, DeviceError
from parfocal.devices.light import LightHost
from parfocal.devices.simulated.microscope import shared_state
from parfocal.devices.simulated.microscope.lights import SampleLight
from parfocal.devices.simulated.microscope.sample import LightChange, SharedSample, WorldLight, shared_sample
from parfocal.devices.simulated.microscope.shared_state import SharedState
from parfocal.devices.simulated.microscope.world import SimulatedWorld
from parfocal.ipc import Declared
from parfocal.testing.clock import JumpClock
from parfocal.testing.local_rig import LocalRig

ORDERS = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.one_of(
            st.sampled_from([0.0, 0.25, 1.0]).map(lambda power: ("power", power)),
            st.booleans().map(lambda opened: ("shutter", opened)),
        ),
        st.integers(0, 8),
    ),
    max_size=20,
)


@given(ORDERS)
def test_light_reaches_the_sample_with_power_through_an_open_shutter_alone(orders):
    light, now = SampleLight(), 0
    for pause, (what, value), move in orders:
        now += pause
        if what == "power":
            light = light.with_power(value, now)
        else:
            light = light.with_shutter(value, now, now + move)
        assert light.level(now) == light.power * light.is_open(now)
        there = max(now, light.arrives_ns)
        assert light.level(there) == light.power * light.opened
        times = [step.time_ns for step in light.steps]
        assert times == sorted(times)
    assert light.with_power(0.0, now).level(now) == 0.0


@given(ORDERS, st.integers(0, 100), st.integers(1, 100))
def test_the_mean_over_a_time_is_the_mean_of_all_moments(orders, start, length):
    light, now = SampleLight(), 0
    for pause, (what, value), move in orders:
        now += pause
        light = (
            light.with_power(value, now) if what == "power" else light.with_shutter(value, now, now + move)
        )
    moments = [light.level(moment) for moment in range(start, start + length)]
    assert light.mean_level(start, start + length) == pytest.approx(sum(moments) / length)


def test_a_time_before_the_steps_that_are_kept_has_the_oldest():
    light = SampleLight()
    for step in range(1, 101):
        light = light.with_power(step / 100, 10 * step).with_shutter(True, 10 * step, 10 * step)
    oldest = light.steps[0]
    assert oldest.time_ns > 10
    assert light.level(10) == light.mean_level(10, 20) == oldest.level > 0


def test_shared_state_is_read_as_it_was_written(tmp_path):
    writer, reader = (SharedState(tmp_path / "state", WorldLight) for _ in range(2))
    assert reader.read() is None
    for power in (0.25, 0.5):
        sample = WorldLight(7, {"lamp": SampleLight(power=power)})
        writer.write(sample)
        assert reader.read() == sample
        assert reader.read() is reader.read()
    with pytest.raises(DeviceError, match="more than it can hold"):
        writer.write(WorldLight(7, {f"lamp {n}": SampleLight() for n in range(5000)}))
    assert reader.read() == sample


def test_who_dies_while_writing_shared_state_leaves_what_there_was(tmp_path):
    dying, reader = (SharedState(tmp_path / "state", WorldLight) for _ in range(2))
    sample = WorldLight(7, {"lamp": SampleLight(power=0.5)})
    dying.write(sample)
    dying.write(sample)
    memory = bytes(dying._memory)
    dying.write(WorldLight(8, {"lamp": SampleLight(power=1.0)}))
    dying._memory[:24] = memory[:24]  # its last word, which tells of it, was not written
    assert reader.read() == sample
    successor = WorldLight(9, {"lamp": SampleLight(power=0.25)})
    with reader.locked():
        reader.write(successor)
    assert SharedState(tmp_path / "state", WorldLight).read() == successor


def test_changes_of_several_processes_and_threads_are_all_made(tmp_path):
    lights = tuple(f"lamp {number}" for number in range(4))
    sample = SharedSample(tmp_path, "world")
    sample.begin(0, lights, {})
    for light in lights:
        sample.set_shutter(light, True, 0, 0)
    changing = [
        subprocess.Popen([sys.executable, "-c", FLICKER, str(tmp_path), light]) for light in lights[:2]
    ]
    changing_here = [threading.Thread(target=flicker, args=(tmp_path, light)) for light in lights[2:]]
    for thread in changing_here:
        thread.start()
    for thread in changing_here:
        thread.join()
    assert [process.wait(60) for process in changing] == [0, 0]
    assert [sample.light(light).power for light in lights] == [1.0] * 4
    log = sample.log(0)
    for light in lights:
        levels = [change.level for change in log if change.light == light]
        assert levels == [0.5, 1.0] * FLICKERS


FLICKERS = 100
FLICKER = """
import sys
from pathlib import Path
from parfocal.devices.simulated.microscope.sample import SharedSample

sample = SharedSample(Path(sys.argv[1]), "world")
for number in range(100):
    for power in (0.5, 1.0):
        sample.set_power(sys.argv[2], power, 2 * number + round(power) + 1)
"""


def flicker(folder, light):
    sample = SharedSample(folder, "world")
    for number in range(FLICKERS):
        for power in (0.5, 1.0):
            sample.set_power(light, power, 2 * number + round(power) + 1)


def test_who_changes_shared_state_waits_for_one_that_is_stopped_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_state, "_PATIENCE_S", 0.0)
    stopped, waiting = (SharedState(tmp_path / "state", WorldLight) for _ in range(2))
    with stopped.locked(), pytest.raises(DeviceError, match="a process that changes it has stopped"):
        waiting.locked().__enter__()
    with waiting.locked():
        waiting.write(WorldLight(7, {}))
    assert stopped.read() == WorldLight(7, {})


def test_what_is_on_can_be_switched_off_when_the_folder_of_the_rig_has_gone(tmp_path):
    folder = tmp_path / "rig"
    folder.mkdir()
    lamp, sample = (SharedSample(folder, "world") for _ in range(2))
    lamp.begin(0, ("lamp",), {})
    lamp.set_power("lamp", 1.0, 1)
    shutil.rmtree(folder)
    lamp.set_power("lamp", 0.0, 2)
    assert sample.light("lamp").power == 0.0


@pytest.fixture
def rig(tmp_path):
    with LocalRig(tmp_path, JumpClock(monotonic_ns=1_000)) as rig:
        rig.add("world", SimulatedWorld, {})
        light = {"device": "simulated-shuttered-light", "options": {"light": "excitation"}}
        rig.add("excitation", LightHost, light)
        yield rig


def test_the_world_tells_each_change_and_what_is_on_now(rig):
    world, light = rig.client("world"), rig.client("excitation")
    began_ns = rig.clock.monotonic_ns()
    light.call("set_power", 0.5)
    assert world.call("light") == {}
    light.call("open_shutter")
    opened_ns = rig.clock.monotonic_ns()
    assert world.call("light") == {"excitation": 0.5}
    rig.clock.advance(1.0)
    light.call("off")
    assert world.call("light") == {}
    off_ns = rig.clock.monotonic_ns()
    assert world.call("light_log") == [
        LightChange(opened_ns, "excitation", 0.5),
        LightChange(off_ns, "excitation", 0.0),
    ]
    assert world.call("light_log", since_ns=off_ns) == [LightChange(off_ns, "excitation", 0.0)]
    assert opened_ns - began_ns == 5_000_000


def test_a_shutter_that_turns_back_was_never_open(rig, tmp_path):
    world, sample = rig.client("world"), SharedSample(tmp_path, "world")
    now_ns = rig.clock.monotonic_ns()
    sample.set_power("stimulation", 1.0, now_ns)
    sample.set_shutter("stimulation", True, now_ns, now_ns + 10_000_000)
    rig.clock.advance(0.005)
    sample.set_shutter("stimulation", False, now_ns + 5_000_000, now_ns + 15_000_000)
    rig.clock.advance(1.0)
    assert world.call("light") == {}
    assert world.call("light_log") == []


def test_a_stuck_shutter_is_told_and_the_light_gets_dark_all_the_same(rig):
    world, light = rig.client("world"), rig.client("excitation")
    light.call("inject_fault", "stuck shutter")
    with pytest.raises(DeviceError, match="'excitation' is stuck closed"):
        light.call("open_shutter")
    light.call("inject_fault", "free")
    light.call("open_shutter")
    light.call("set_power", 1.0)
    light.call("inject_fault", "stuck shutter")
    with pytest.raises(DeviceError, match="'excitation' is stuck open"):
        light.call("close_shutter")
    assert world.call("light") == {"excitation": 1.0}
    light.call("off")
    assert world.call("light") == {}


def test_a_light_behind_a_blank_modulator_does_not_reach_the_sample(tmp_path):
    with LocalRig(tmp_path, JumpClock(monotonic_ns=1_000)) as rig:
        world = rig.add("world", SimulatedWorld, {"modulators": {"dmd": {"shape": (8, 16)}}})
        sample, lit_ns = SharedSample(tmp_path, "world"), rig.clock.monotonic_ns()
        for light, power in (("stimulation", 0.5), ("excitation", 0.25)):
            sample.set_power(light, power, lit_ns)
            sample.set_shutter(light, True, lit_ns, lit_ns)
        assert world.call("light") == {"excitation": 0.25}
        sample.set_pattern("dmd", b"\x01" + bytes(15), lit_ns)
        assert world.call("light") == {"excitation": 0.25, "stimulation": 0.5}
        rig.clock.advance(1.0)
        sample.set_pattern("dmd", bytes(16), rig.clock.monotonic_ns())
        assert world.call("light") == {"excitation": 0.25}
        assert [change for change in world.call("light_log") if change.light == "stimulation"] == [
            LightChange(lit_ns, "stimulation", 0.5),
            LightChange(rig.clock.monotonic_ns(), "stimulation", 0.0),
        ]
        with pytest.raises(BadInputError, match="no modulator 'dmt'; did you mean 'dmd'"):
            sample.set_pattern("dmt", bytes(16), lit_ns)
        with pytest.raises(BadInputError, match="does not have 15 bytes"):
            sample.set_pattern("dmd", bytes(15), lit_ns)


def test_a_modulator_before_a_light_that_there_is_not_is_refused(tmp_path):
    lost = {"dmd": {"shape": (8, 8), "light": "stimulus"}}
    with (
        LocalRig(tmp_path, JumpClock()) as rig,
        pytest.raises(
            ConfigError, match="modulator 'dmd': there is no light 'stimulus'; did you mean 'stimul"
        ),
    ):
        rig.add("world", SimulatedWorld, {"modulators": lost})


def test_a_light_or_a_world_that_there_is_not_is_named(rig, tmp_path):
    with pytest.raises(BadInputError, match="did you mean 'excitation'"):
        SharedSample(tmp_path, "world").set_power("exitation", 1.0, 0)
    with pytest.raises(DeviceError, match="there is no simulated world 'moon'"):
        SharedSample(tmp_path, "moon").light("excitation")


def test_what_the_world_shares_is_what_it_says(rig, tmp_path):
    shared = shared_sample(tmp_path, "world")
    rig.client("excitation").call("set_power", 0.5)
    assert shared.read().lights["excitation"].power == 0.5
    assert rig.client("world").call("lamp", "excitation")[0] == 0.5
    assert shared.read().began_ns == 1_000


def test_a_light_without_a_shutter_refuses_to_open_one(rig):
    rig.add("lamp", LightHost, {"device": "simulated-light"})
    lamp = rig.client("lamp")
    assert lamp.call("has_shutter") is False
    with pytest.raises(BadInputError, match="'lamp' has no shutter"):
        lamp.call("open_shutter")
    with pytest.raises(BadInputError, match="'lamp' has no shutter"):
        lamp.call("set_light", power=0.5, shutter_open=True)
    assert lamp.call("light", returns=Declared) == LightState(power=0.0)
    assert lamp.call("set_light", power=0.5, returns=Declared) == LightState(power=0.5)


def test_power_and_shutter_are_set_in_one_go_and_read_back(rig):
    world, light = rig.client("world"), rig.client("excitation")
    for asked, state in (
        ({"power": 0.5, "shutter_open": True}, LightState(power=0.5, shutter_open=True)),
        ({"power": 1.0, "shutter_open": False}, LightState(power=1.0, shutter_open=False)),
        ({"shutter_open": True}, LightState(power=1.0, shutter_open=True)),
        ({"power": 0.25}, LightState(power=0.25, shutter_open=True)),
    ):
        rig.clock.advance(1.0)
        assert light.call("set_light", **asked, returns=Declared) == state
        assert light.call("light", returns=Declared) == state
    assert [change.level for change in world.call("light_log")] == [0.5, 0.0, 1.0, 0.25]
    with pytest.raises(BadInputError, match="fraction"):
        light.call("set_light", power=1.5, shutter_open=False)
    light.call("inject_fault", "stuck shutter")
    with pytest.raises(DeviceError, match="stuck open"):
        light.call("set_light", power=0.0, shutter_open=False)
    assert world.call("light") == {"excitation": 0.25}
