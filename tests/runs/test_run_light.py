"""The light of a run: nothing is set while what was asked to be off may still be switched off."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from parfocal.core.channels import ChannelPreset, ChannelState
from parfocal.core.errors import DeviceError
from parfocal.runs.instruments.run_light import RunLight
from parfocal.runs.instruments.shared_instruments import SharedInstruments
from parfocal.runs.plans.event import Event
from parfocal.testing.clock import JumpClock


class Calls:
    """Notes what the run asks of its services, and when a call that was not waited for has ended."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.asked: list[tuple[Any, ...]] = []
        self.clock = JumpClock()

    def ask(self, service: str, command: str, *_: Any, **__: Any) -> Any:
        self.log.append(f"{service}.{command}")
        if command == "presets":
            return {"nucleus": ChannelPreset(light="excitation", power=0.5)}
        return ChannelState(name="nucleus", power=0.5)

    def begin(self, service: str, command: str, *values: Any, **__: Any) -> Any:
        self.log.append(f"{service}.{command}")
        self.asked.append((command, *values))
        log = self.log

        clock = self.clock

        class Begun:
            ended_ns = 0

            def cancel_soon(self, reason: str) -> None:
                assert reason
                log.append(f"{service}.{command} is cancelled")

            def end(self) -> None:
                log.append(f"{service}.{command} has ended")
                self.ended_ns = clock.monotonic_ns()

        return Begun()

    def result(self, call: Any) -> ChannelState:
        call.end()
        return ChannelState(name="nucleus", light="excitation", power=0.5)

    def results(self, calls: list[Any]) -> list[ChannelState]:
        return [self.result(call) for call in calls]

    def give_up(self, call: Any) -> None:
        self.log.append("given up")

    def tell(self, service: str, command: str) -> Any:
        log = self.log

        class Told:
            def done(self) -> bool:
                return False

            def exception(self, timeout_s: float | None = None) -> None:
                log.append(f"{service}.{command}")

        return Told()


EVENT = Event(number=0, kind="image", channel="nucleus")


def light_of(
    calls: Calls, lights: tuple[str, ...] = ("excitation",), use: SharedInstruments | None = None
) -> RunLight:
    light = RunLight(calls, calls.clock, "channels", lights, use=use)  # type: ignore[arg-type]
    light.learn()
    return light


def test_a_channel_is_set_while_something_else_is_done() -> None:
    calls = Calls()
    light = light_of(calls)
    with light.setting(EVENT):
        calls.log.append("a move")
        calls.clock.sleep(0.25)
        assert not light.is_set(EVENT)
    assert calls.log[-3:] == ["channels.set_channel", "a move", "channels.set_channel has ended"]
    assert light.is_set(EVENT)
    assert light.power == 0.5
    assert light.set_within_s == pytest.approx(0.25)
    with light.setting(EVENT):
        pass
    assert light.set_within_s is None, "it was set"


def test_light_that_was_on_before_a_call_which_set_another_is_held_back_and_let_through_again() -> None:
    """Nothing was known of it any more, so that it stayed on until the next exposure."""
    calls = Calls()
    light = light_of(calls)
    with light.setting(EVENT):
        pass
    light.light_up()
    light.doubt()
    assert not light.is_set(EVENT)
    assert light.channel is None, "it is not what an acquisition would set again"
    light.shade()
    assert calls.log[-1] == "channels.close_shutter"
    light.light_up()
    assert "channels.open_shutter" in calls.log[calls.log.index("channels.close_shutter") :]
    with light.setting(EVENT):
        pass
    assert calls.log[-1] == "channels.set_channel has ended"
    assert light.is_set(EVENT)


def test_a_channel_that_is_being_set_already_is_waited_for() -> None:
    calls = Calls()
    light = light_of(calls)
    light.begin(EVENT)
    assert not light.is_set(EVENT)
    with light.setting(EVENT):
        pass
    assert calls.log[-2:] == ["channels.set_channel", "channels.set_channel has ended"]
    light.begin(EVENT)
    assert calls.log[-1] == "channels.set_channel has ended", "it is set"


@pytest.mark.parametrize("otherwise", ["another channel", "off", "switched off and waited for"])
def test_a_channel_that_is_being_set_counts_for_nothing_once_something_else_is_wanted(otherwise: str) -> None:
    calls = Calls()
    light = light_of(calls)
    light.begin(EVENT)
    wanted = EVENT
    if otherwise == "another channel":
        wanted = msgspec.structs.replace(EVENT, power=0.1)
    elif otherwise == "off":
        light.dark()
    else:
        light.put_out()
    with light.setting(wanted):
        pass
    assert calls.log.count("channels.set_channel") == 2
    assert light.is_set(wanted)


@pytest.mark.parametrize("switch_off", [RunLight.dark, RunLight.put_out])
def test_a_channel_that_is_being_set_is_cancelled_before_the_light_is_switched_off(switch_off: Any) -> None:
    calls = Calls()
    light = light_of(calls)
    light.begin(EVENT)
    switch_off(light)
    expected = ["channels.set_channel", "channels.set_channel is cancelled", "channels.off"]
    light.begin(EVENT)  # which waits for what `dark` has asked for
    assert calls.log[1:4] == expected, "else it would be set after that, if it had not begun"


def test_what_fails_meanwhile_is_what_is_told_and_the_channel_is_not_set() -> None:
    calls = Calls()
    light = light_of(calls)
    with pytest.raises(DeviceError, match="the stage"), light.setting(EVENT):
        raise DeviceError("the stage is stuck")
    assert calls.log[-1] == "given up"
    assert not light.is_set(EVENT)


def test_a_channel_is_set_after_all_lights_are_off() -> None:
    calls = Calls()
    light = light_of(calls)
    with light.setting(EVENT):
        pass
    light.light_up()
    assert calls.log[-1] == "channels.open_shutter has ended"
    light.dark()
    with light.setting(EVENT):
        pass
    expected = ["channels.off", "excitation.off", "channels.set_channel", "channels.set_channel has ended"]
    assert calls.log[-4:] == expected
    light.dark()
    light.light_up()
    assert calls.log[-2:] == ["channels.off", "excitation.off"]


def test_light_is_let_through_while_something_else_is_done() -> None:
    calls = Calls()
    light = light_of(calls)
    with light.setting(EVENT):
        pass
    with light.lighting_up():
        assert calls.log[-1] == "channels.open_shutter"
        assert not light.is_held_open
    assert calls.log[-1] == "channels.open_shutter has ended"
    assert light.is_held_open
    assert light.lit_within_s == 0.0, "on a clock that stands"
    with light.lighting_up():
        pass
    assert light.lit_within_s is None, "it was through"


def test_light_on_its_way_while_something_else_fails_has_ended_before_it_is_switched_off() -> None:
    calls = Calls()
    light = light_of(calls)
    with light.setting(EVENT):
        pass
    with pytest.raises(DeviceError, match="the mask"), light.lighting_up():
        raise DeviceError("the mask is not shown")
    assert calls.log[-2:] == ["channels.open_shutter", "given up"]
    assert not light.is_held_open
    with light.setting(EVENT):
        pass
    assert calls.log[-4:-2] == ["channels.off", "excitation.off"], "asked for before the channel was set anew"


class Refusing(Calls):
    """Everything that is asked for together fails in the end."""

    def results(self, calls: list[Any]) -> list[ChannelState]:
        super().results(calls)
        raise DeviceError("the lamp has no power")


def test_the_channels_are_put_back_although_a_light_does_not_go_off() -> None:
    calls = Refusing()
    light = light_of(calls)
    with pytest.raises(DeviceError, match="no power"):
        light.close()
    assert calls.log[-1] == "channels.restore"


def test_a_light_that_could_not_be_lit_is_off_and_its_channel_is_set_anew() -> None:
    calls = Refusing()
    light = light_of(calls)
    with light.setting(EVENT):
        pass
    with pytest.raises(DeviceError, match="no power"):
        light.light_up()
    with light.setting(EVENT):
        pass
    assert calls.log[-4:-2] == ["channels.off", "excitation.off"], "the shutter may be open"
    assert calls.log[-2:] == ["channels.set_channel", "channels.set_channel has ended"]


def set_twice(light: RunLight, calls: Calls) -> tuple[bool, bool]:
    """Set a channel and another; return whether each was set as by somebody who is alone."""
    for event in (EVENT, msgspec.structs.replace(EVENT, power=0.1)):
        with light.setting(event):
            pass
    (*_, first), (*_, second) = calls.asked[-2:]
    return first, second


def test_from_the_second_channel_on_no_more_is_set_than_differs() -> None:
    calls, use = Calls(), SharedInstruments()
    light = light_of(calls, use=use)
    light.open(leased=False)
    assert set_twice(light, calls) == (False, True)
    use.untouched = False  # somebody else has used an instrument
    assert set_twice(light, calls) == (False, True)
    light.open(leased=False)
    assert set_twice(light, calls) == (False, True)


@pytest.mark.parametrize("why", ["a light is not the run's", "services are used without a claim"])
def test_all_is_set_each_time_where_others_may_change_it(why: str) -> None:
    calls, use = Calls(), SharedInstruments()
    use.forced = why == "services are used without a claim"
    light = light_of(calls, ("excitation",) if use.forced else (), use)
    light.open(leased=False)
    assert set_twice(light, calls) == (False, False)


@pytest.mark.parametrize("channel", [EVENT.light, None])
def test_a_light_is_brought_back_as_it_was(channel: Any) -> None:
    calls = Calls()
    light = light_of(calls)
    with light.setting(EVENT):
        pass
    light.light_up()
    light.forget()
    asked = len(calls.asked)
    light.bring_back(channel)
    commands = [command for command, *_ in calls.asked[asked:]]
    assert commands == ([] if channel is None else ["set_channel", "open_shutter"])
    assert light.channel == channel
