"""Channels made of lights and a camera, in one process on a clock that jumps."""

import msgspec
import pytest

from parfocal.core.channels import ChannelState
from parfocal.core.errors import (
    BadInputError,
    ConfigError,
    DeviceError,
    DeviceTimeoutError,
    MadeSafeError,
    ServiceDiedError,
)
from parfocal.devices.camera import CameraHost
from parfocal.devices.channels import ChannelsHost
from parfocal.devices.context import DeviceContext
from parfocal.devices.light import LightHost
from parfocal.devices.simulated.microscope.filters import SimulatedFilters
from parfocal.devices.simulated.world import World
from parfocal.testing.clock import JumpClock
from parfocal.testing.local_rig import LocalCall, LocalRig

PRESETS = {
    "red": {"light": "lamp", "power": 0.4, "exposure_ms": 2.0},
    "blue": {"light": "laser", "power": 0.2, "settle_s": 0.5},
    "dark": {},
}
FIELD = {"width_px": 32, "height_px": 32, "beads": 0, "image_px": 16, "depth_nm": 200.0}


@pytest.fixture
def rig(tmp_path):
    """A camera, a lamp and a laser, without shutters."""
    with LocalRig(tmp_path, JumpClock()) as rig:
        rig.add("camera", CameraHost, {"device": "simulated-camera", "options": FIELD})
        for name in ("lamp", "laser"):
            rig.add(name, LightHost, {"device": "simulated-light", "options": {"thing": name}})
        yield rig


@pytest.fixture
def channels(rig):
    return rig.add("channels", ChannelsHost, {"options": {"presets": PRESETS, "camera": "camera"}})


def powers(rig):
    return [rig.client(name).call("power") for name in ("lamp", "laser")]


def test_a_channel_is_one_thing_and_what_it_is_set_to_is_read_back(rig, channels):
    assert channels.call("channel") == ChannelState(exposure_ms=5.0)
    red = ChannelState(name="red", light="lamp", power=0.4, exposure_ms=2.0, lit=True)
    assert channels.call("set_channel", "red") == red
    assert powers(rig) == [0.4, 0.0]
    blue = channels.call("set_channel", "blue", exposure_ms=7.0, power=1.0)
    assert blue == ChannelState(name="blue", light="laser", power=1.0, exposure_ms=7.0, lit=True)
    assert powers(rig) == [0.0, 1.0]
    assert channels.call("set_channel", "dark") == ChannelState(name="dark", exposure_ms=5.0)
    assert powers(rig) == [0.0, 0.0]


def test_a_channel_without_an_exposure_has_the_one_that_was_found_in_any_order(channels):
    for name, exposure_ms in (("blue", 5.0), ("red", 2.0), ("blue", 5.0), ("dark", 5.0), ("red", 2.0)):
        assert channels.call("set_channel", name).exposure_ms == exposure_ms


def test_it_returns_when_it_has_settled(rig, channels):
    before_ns = rig.clock.monotonic_ns()
    channels.call("set_channel", "blue", lit=False)
    assert rig.clock.monotonic_ns() - before_ns >= 500_000_000
    assert powers(rig) == [0.0, 0.0]
    assert channels.call("open_shutter").lit
    assert powers(rig) == [0.0, 0.2]
    assert not channels.call("close_shutter").lit
    assert channels.call("channel").power == 0.2


def test_whoever_is_alone_has_no_more_changed_than_differs(rig, channels):
    channels.call("set_channel", "red", lit=False)
    rig.client("camera").call("set_exposure_ms", 3.0)
    rig.client("laser").call("set_power", 0.7)  # which somebody who is alone knows not to be
    switched = channels.call("set_channel", "red", power=0.3, lit=False, alone=True)
    assert switched == ChannelState(name="red", light="lamp", power=0.3)
    assert rig.client("camera").call("exposure_ms") == 3.0, "it is for whoever exposes"
    assert powers(rig) == [0.0, 0.7], "it was left dark"
    assert channels.call("open_shutter") == ChannelState(name="red", light="lamp", power=0.3, lit=True)
    assert channels.call("set_channel", "dark", alone=True) == ChannelState(name="dark")
    assert powers(rig) == [0.0, 0.7], "what it lit itself is dark"
    assert channels.call("set_channel", "blue").exposure_ms == 5.0
    assert powers(rig) == [0.0, 0.2]


def test_lights_that_were_switched_off_are_asked_by_whoever_is_alone(rig, channels):
    channels.call("set_channel", "red", lit=False)
    rig.client("laser").call("set_power", 0.7)
    channels.call("off")
    channels.call("set_channel", "red", lit=False, alone=True)
    assert powers(rig) == [0.0, 0.0]
    with pytest.raises(BadInputError, match="exposure_ms"):
        channels.call("set_channel", "red", exposure_ms=1e9, alone=True)


def test_a_filter_that_is_in_place_is_not_selected_again_by_whoever_is_alone(rig, tmp_path):
    presets = {name: {**PRESETS[name], "filter": "nucleus"} for name in ("red", "blue")}
    presets["dark"] = {"filter": "cytoplasm"}
    asked = {"presets": presets, "camera": "camera", "light_path": {"device": "simulated-filters"}}
    channels = rig.add("channels", ChannelsHost, {"options": asked})
    wheel = World.of(DeviceContext(clock=rig.clock, folder=tmp_path))

    def set_alone(name):
        before_ns = rig.clock.monotonic_ns()
        state = channels.call("set_channel", name, lit=False, alone=True)
        rest_ns = round(presets[name].get("settle_s", 0.0) * 1e9)
        assert rig.clock.monotonic_ns() - before_ns >= rest_ns, "it settles, whether a filter moves or not"
        return state.filter, len(wheel.moves("filter"))

    assert [set_alone(name) for name in ("red", "red", "blue", "red")] == [("nucleus", 1)] * 4
    assert [set_alone(name) for name in ("dark", "red")] == [("cytoplasm", 2), ("nucleus", 3)]
    wheel.move("filter", 2.0, rig.clock.monotonic_ns())  # somebody turns it by hand
    assert set_alone("blue") == ("nucleus", 5)
    channels.call("restore")
    assert set_alone("blue") == ("nucleus", 7), "it was sent to another one, and may not have left yet"


def test_a_wheel_that_fails_leaves_no_lamp_under_way_that_would_light_it_later(rig, monkeypatch):
    presets = {"red": {**PRESETS["red"], "filter": "nucleus"}}
    asked = {"presets": presets, "camera": "camera", "light_path": {"device": "simulated-filters"}}
    channels = rig.add("channels", ChannelsHost, {"options": asked})
    channels.call("set_channel", "red", lit=False)
    happened = []

    def fails(wheel):
        happened.append("the wheel fails")
        raise DeviceError("the wheel does not answer")

    ends = LocalCall.exception

    def waited_for(call, timeout_s=None):
        happened.append("the lamp has ended")
        return ends(call, timeout_s)

    monkeypatch.setattr(SimulatedFilters, "filter", fails)
    monkeypatch.setattr(LocalCall, "exception", waited_for)
    for call, arguments in (("open_shutter", {}), ("set_channel", {"name": "red", "alone": True})):
        happened.clear()
        with pytest.raises(DeviceError, match="does not answer"):
            channels.call(call, **arguments)
        assert happened[happened.index("the wheel fails") + 1] == "the lamp has ended"
        assert powers(rig) == [0.0, 0.0]


def test_what_never_settles_fails_in_the_dark(rig):
    slow = {"presets": {"blue": {**PRESETS["blue"], "settle_s": 1.0}}}
    channels = rig.add("channels", ChannelsHost, {"options": slow, "settle_timeout_s": 0.5})
    with pytest.raises(DeviceTimeoutError, match="'blue' did not settle"):
        channels.call("set_channel", "blue")
    assert powers(rig) == [0.0, 0.0]


def test_what_a_channel_does_not_take_is_refused_before_anything_changes(rig, channels):
    channels.call("set_channel", "red")
    for name, asked, words in (
        ("rde", {}, "no channel is called 'rde'; did you mean 'red'"),
        ("dark", {"power": 0.5}, "'dark' has no light that could take a power of 0.5"),
        ("blue", {"power": 1.5}, "the power must lie from 0 to 1"),
        ("blue", {"exposure_ms": 0.0}, "exposure_ms must be positive"),
        ("blue", {"exposure_ms": 1e9}, "exposure_ms must lie from 0.001 to 10000000"),
    ):
        with pytest.raises(BadInputError, match=words):
            channels.call("set_channel", name, **asked)
        assert channels.call("channel").name == "red"
        assert powers(rig) == [0.4, 0.0]


def test_the_end_puts_back_what_was_found(rig, channels):
    rig.client("laser").call("set_power", 0.7)
    rig.client("camera").call("set_exposure_ms", 3.0)
    channels.call("set_channel", "red")
    channels.call("set_channel", "blue")
    assert channels.call("restore", lit=True) == ChannelState(exposure_ms=3.0)
    assert powers(rig) == [0.0, 0.7]
    channels.call("set_channel", "red")
    channels.call("restore")
    assert powers(rig) == [0.0, 0.0]
    rig.client("lamp").call("set_power", 0.1)
    channels.call("restore")
    assert powers(rig) == [0.1, 0.0]


def test_a_light_that_fails_leaves_everything_dark(rig, channels):
    channels.call("set_channel", "red")
    rig.client("laser").call("inject_fault", "error")
    with pytest.raises(DeviceError, match="injected"):
        channels.call("set_channel", "blue")
    assert powers(rig) == [0.0, 0.0]


def test_a_shutter_that_cannot_be_read_back_leaves_everything_dark(rig, channels, monkeypatch):
    channels.call("set_channel", "red", lit=False)
    silent = LocalCall(error=DeviceError("the camera does not answer"))
    monkeypatch.setattr(rig.services["channels"].device, "_submit_to_camera", lambda *_: silent)
    with pytest.raises(DeviceError, match="does not answer"):
        channels.call("open_shutter")
    assert powers(rig) == [0.0, 0.0]


def test_a_light_that_was_made_safe_while_its_channel_was_set_is_told_as_such(rig, channels, monkeypatch):
    device = rig.services["channels"].device
    set_lit = device.set_lit
    monkeypatch.setattr(device, "set_lit", lambda lit: msgspec.structs.replace(set_lit(lit), power=0.0))
    with pytest.raises(MadeSafeError, match=r"a power of 0\.0 instead of 0\.4"):
        channels.call("set_channel", "red")
    assert powers(rig) == [0.0, 0.0]


def changed_when_lit(rig, monkeypatch, **read):
    """Have something else read back once the light is let through."""
    device = rig.services["channels"].device
    set_lit = device.set_lit
    monkeypatch.setattr(device, "set_lit", lambda lit: msgspec.structs.replace(set_lit(lit), **read))


def test_a_light_that_is_dark_all_the_same_was_made_safe(rig, channels, monkeypatch):
    changed_when_lit(rig, monkeypatch, lit=False)
    with pytest.raises(MadeSafeError, match="light 'lamp' dark"):
        channels.call("set_channel", "red")
    assert powers(rig) == [0.0, 0.0]


def test_another_power_than_was_asked_for_is_a_fault_of_the_device(rig, channels, monkeypatch):
    changed_when_lit(rig, monkeypatch, power=0.1, lit=False)
    with pytest.raises(DeviceError, match=r"a power of 0\.1 instead of 0\.4, light 'lamp' dark") as caught:
        channels.call("set_channel", "red")
    assert not isinstance(caught.value, MadeSafeError)


def test_a_light_that_has_lost_its_power_since_its_channel_was_set_is_not_let_through(
    rig, channels, monkeypatch
):
    channels.call("set_channel", "red", lit=False)
    changed_when_lit(rig, monkeypatch, power=0.0, lit=False)
    with pytest.raises(MadeSafeError, match=r"light 'lamp' stands at a power of 0 instead of 0\.4"):
        channels.call("open_shutter")
    assert powers(rig) == [0.0, 0.0]
    channels.call("restore")
    assert not channels.call("open_shutter").light, "no channel is set: there is nothing to be let through"


def test_what_could_not_be_put_back_is_once_all_are_there_again(rig, channels, monkeypatch):
    rig.client("camera").call("set_exposure_ms", 3.0)
    channels.call("set_channel", "red")
    gone = LocalCall(error=ServiceDiedError("camera ended before it answered set_exposure_ms"))
    with monkeypatch.context() as patch:
        patch.setattr(rig.services["channels"].device, "_submit_to_camera", lambda *_: gone)
        with pytest.raises(ServiceDiedError):
            channels.call("restore")
    channels.call("restore")
    assert rig.client("camera").call("exposure_ms") == 3.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"presets": {}}, "presets"),
        ({"presets": {"red": {"light": "lamp"}}}, "a light and its power, or neither"),
        ({"presets": {"red": {"power": 0.5}}}, "a light and its power, or neither"),
        ({"presets": {"red": {"filter": "red"}}}, "there is no light_path"),
        ({"presets": {"red": {"exposure_ms": 5.0}}}, "there is no camera"),
        ({"presets": {"red": {"light": "lamp", "power": 1.5}}}, "power"),
        ({"presets": {"red": {"light": "lamp", "pwer": 1.0}}}, "pwer"),
    ],
)
def test_presets_that_cannot_be_are_refused_before_anything_starts(rig, options, words):
    with pytest.raises(ConfigError, match=words):
        rig.add("channels", ChannelsHost, {"options": options})
