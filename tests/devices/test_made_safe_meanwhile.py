"""What is under way when a service is made safe, as when a client is lost, fails and changes nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from parfocal.core.errors import DeviceError, MadeSafeError
from parfocal.devices.camera import CameraHost
from parfocal.devices.channels import ChannelsHost
from parfocal.devices.light import LightHost
from parfocal.devices.simulated.microscope.world import SimulatedWorld
from parfocal.devices.stage import StageHost
from parfocal.testing.clock import JumpClock
from parfocal.testing.local_rig import LocalRig


@pytest.fixture
def rig(tmp_path):
    with LocalRig(tmp_path, JumpClock()) as rig:
        yield rig


def made_safe_before(host, method):
    """Have another thread's `make_safe` come right before the driver does something, once."""
    do = getattr(host.device, method)

    def interrupted(*arguments):
        setattr(host.device, method, do)
        host.make_safe()
        return do(*arguments)

    setattr(host.device, method, interrupted)


def test_a_move_does_not_say_that_it_has_arrived(rig):
    focus = rig.add("focus", StageHost, {"device": "simulated-focus"})
    made_safe_before(rig.services["focus"], "is_moving")
    with pytest.raises(MadeSafeError, match="was halted"):
        focus.call("move_to", 9_000.0)
    assert focus.call("position") < 9_000.0
    assert focus.call("move_to", 9_000.0) == 9_000.0


@pytest.mark.parametrize("asked", [("set_power", {"fraction": 0.7}), ("set_light", {"power": 0.7})])
def test_a_light_stays_off(rig, asked):
    lamp = rig.add("lamp", LightHost, {"device": "simulated-light"})
    command, arguments = asked
    made_safe_before(rig.services["lamp"], "set_power")
    with pytest.raises(MadeSafeError, match="switched off meanwhile"):
        lamp.call(command, **arguments)
    assert lamp.call("power") == 0.0
    made_safe_before(rig.services["lamp"], "set_power")
    assert lamp.call("set_power", 0.0) == 0.0
    lamp.call(command, **arguments)
    assert lamp.call("power") == 0.7


def test_a_shutter_stays_closed(rig):
    rig.add("world", SimulatedWorld, {})
    lamp = rig.add("lamp", LightHost, {"device": "simulated-shuttered-light"})
    lamp.call("set_power", 0.5)
    for command, arguments in (("open_shutter", {}), ("set_light", {"power": 0.5, "shutter_open": True})):
        made_safe_before(rig.services["lamp"], "set_shutter")
        with pytest.raises(MadeSafeError, match="switched off meanwhile"):
            lamp.call(command, **arguments)
        rig.clock.sleep(1.0)  # it closes in its own time
        assert not lamp.call("shutter_is_open")
        assert lamp.call("power") == 0.0


def test_the_light_of_a_channel_stays_off(rig):
    rig.add("lamp", LightHost, {"device": "simulated-light"})
    presets = {"red": {"light": "lamp", "power": 0.4}}
    channels = rig.add("channels", ChannelsHost, {"options": {"presets": presets}})
    made_safe_before(rig.services["channels"], "set_lit")
    with pytest.raises(MadeSafeError, match="switched off meanwhile"):
        channels.call("set_channel", "red")
    assert rig.client("lamp").call("power") == 0.0
    channels.call("restore")
    rig.client("lamp").call("set_power", 0.7)
    channels.call("set_channel", "red")
    made_safe_before(rig.services["channels"], "restore")
    with pytest.raises(MadeSafeError, match="switched off meanwhile"):
        channels.call("restore", lit=True)
    assert rig.client("lamp").call("power") == 0.0


def test_a_light_that_fails_because_it_was_made_safe_says_so(rig):
    """As a driver does that reads back what another thread has switched off."""
    lamp = rig.add("lamp", LightHost, {"device": "simulated-light"})
    host = rig.services["lamp"]

    def interrupted(fraction):
        host.make_safe()
        raise DeviceError(f"the power is not {fraction}")

    host.device.set_power = interrupted
    with pytest.raises(MadeSafeError, match="switched off meanwhile"):
        lamp.call("set_power", 0.7)


def test_frames_that_were_never_exposed_are_not_lost(rig, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    camera = rig.add("camera", CameraHost, {"device": "gadgets:HomeMadeCamera"})
    camera.call("start", 100)
    for _ in range(3):
        rig.step("camera")
    rig.services["camera"].make_safe()
    rig.step("camera")
    assert camera.call("counts") == {"frames": 3, "lost": 0, "timeouts": 0, "errors": 0, "untold": 0}
    camera.call("start", 2)
    for _ in range(3):
        rig.step("camera")
    assert camera.call("counts")["frames"] == 5


def test_a_light_that_fails_half_way_is_off(rig):
    """Its driver has set the power, and then loses its connection; or the power cannot be read back."""
    lamp = rig.add("lamp", LightHost, {"device": "simulated-light"})
    device = rig.services["lamp"].device
    for method in ("set_power", "power"):
        do = getattr(device, method)

        def failing(*arguments, do=do, method=method):
            setattr(device, method, do)
            do(*arguments)
            raise DeviceError("the cable is out")

        setattr(device, method, failing)
        with pytest.raises(DeviceError, match="the cable is out"):
            lamp.call("set_power", 0.7)
        assert lamp.call("power") == 0.0
