"""A lamp of a channel: what is set after it was asked to be off waits until it is."""

from __future__ import annotations

from typing import Any

import pytest

from parfocal.core.channels import LightState
from parfocal.devices.lamps import Lamp


class LightCall:
    """A call that ends when it is waited for."""

    def __init__(self, log: list[Any], asked: Any) -> None:
        self._log, self._asked, self._done = log, asked, False

    def done(self) -> bool:
        return self._done

    def exception(self, timeout_s: float) -> None:
        assert timeout_s > 0
        self._done = True
        self._log.append(f"{self._asked} done")


class LightService:
    """Notes in which order it is asked for what; `off` is on its way until somebody waits for it."""

    def __init__(self, *, has_shutter: bool) -> None:
        self.log: list[Any] = []
        self._has_shutter = has_shutter

    def has_shutter(self, **_: Any) -> bool:
        return self._has_shutter

    def submit(self, command: str, *, timeout_s: float, **what: Any) -> LightCall:
        assert timeout_s > 0
        if command != "off":
            self.log.append((command, what))
        return LightCall(self.log, command)


def lamp_of(service: LightService) -> Lamp:
    return Lamp("excitation", lambda _: service)


def test_what_is_set_comes_after_the_lamp_is_off() -> None:
    service = LightService(has_shutter=True)
    lamp = lamp_of(service)
    lamp.off()
    lamp.off()
    lamp.begin_dark(0.5)
    lamp.begin_lit()
    dark = ("set_light", {"power": 0.5, "shutter_open": False})
    assert service.log == ["off done", "off done", dark, ("set_light", {"shutter_open": True})]


def test_a_lamp_without_a_shutter_is_dark_by_its_power_and_lit_with_that_which_was_asked_for() -> None:
    service = LightService(has_shutter=False)
    lamp = lamp_of(service)
    lamp.begin_dark(0.5)
    lamp.off()
    lamp.begin_lit()
    lamp.begin_dark()
    lamp.begin_lit()
    dark, lit = ("set_light", {"power": 0.0}), ("set_light", {"power": 0.5})
    assert service.log == [dark, "off done", lit, dark, lit]


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (LightState(power=0.2, shutter_open=True), (0.2, True)),
        (LightState(power=0.2, shutter_open=False), (0.2, False)),
        (LightState(power=0.0, shutter_open=True), (0.0, False)),
        (LightState(power=0.2), (0.2, True)),
        (LightState(power=0.0), (0.5, False)),  # what it will have when it is lit
    ],
)
def test_a_lamp_tells_its_power_and_whether_it_reaches_the_sample(state, found) -> None:
    lamp = lamp_of(LightService(has_shutter=state.shutter_open is not None))
    lamp.begin_dark(0.5)
    assert lamp.found(state) == found


OFF = LightState(power=0.5, shutter_open=False)


def test_a_lamp_that_was_read_back_as_dark_stays_dark_until_something_is_asked_of_it() -> None:
    lamp = lamp_of(LightService(has_shutter=True))
    assert not lamp.stays_dark(0.5), "nothing is known"
    lamp.begin_dark(0.5)
    assert not lamp.stays_dark(0.5), "it is on its way"
    lamp.note(OFF)
    assert lamp.stays_dark(0.5)
    assert lamp.stays_dark()
    assert not lamp.stays_dark(0.2), "it would have another power when it is lit"
    lamp.begin_lit()
    assert not lamp.stays_dark()
    lamp.note(LightState(power=0.5, shutter_open=True))
    assert not lamp.stays_dark()


def test_a_lamp_that_is_switched_off_while_it_is_set_is_not_known_to_be_as_it_was_read_back() -> None:
    lamp = lamp_of(LightService(has_shutter=True))
    lamp.begin_dark(0.5)
    lamp.off()
    lamp.note(OFF)
    assert not lamp.stays_dark(0.5)


def test_a_dark_lamp_without_a_shutter_gets_the_power_that_it_is_to_have_when_it_is_lit() -> None:
    service = LightService(has_shutter=False)
    lamp = lamp_of(service)
    lamp.begin_dark(0.5)
    lamp.note(LightState(power=0.0))
    assert lamp.stays_dark(0.2)
    lamp.begin_lit()
    assert service.log[-1] == ("set_light", {"power": 0.2})
