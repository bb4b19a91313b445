"""The light of frames that a camera takes by itself, when it is made safe in the middle."""

from __future__ import annotations

import pytest

from parfocal.core.errors import ServiceUnavailableError
from parfocal.runs.instruments.instruments import AbortedError, InstrumentRestartedError
from parfocal.runs.instruments.kept_light import KeptLight
from parfocal.runs.plans.event import Event

CHANNEL = Event(number=0, kind="image", channel="nucleus").light
DARK = "frames were taken in the dark: laser was made safe (camera ended)"
SET_AGAIN = "the run has set its light again"


class Light:
    """What a run knows of its light; `fails` are raised, one after the other, when it is to be set again."""

    def __init__(self, channel=CHANNEL, known=(), fails=()):
        self.channel, self.lost = channel, {}
        self.known, self.fails = known, list(fails)
        self.brought_back = []

    def knows_power(self, services):
        return not set(self.known).isdisjoint(services)

    def bring_back(self, channel):
        self.lost, self.channel = {}, None
        if self.fails:
            raise self.fails.pop(0)
        self.brought_back.append(channel)


def test_nothing_is_set_again_while_nothing_was_made_safe():
    light = Light()
    assert KeptLight(light).bring_back() == ""
    assert light.brought_back == []


@pytest.mark.parametrize(
    "error", [InstrumentRestartedError("once more", source="laser"), AbortedError("now")]
)
def test_it_is_set_as_it_was_also_when_the_first_time_fails(error):
    light = Light(fails=[error])
    kept = KeptLight(light)
    light.lost = {"laser": "camera ended"}
    assert [kept.bring_back() for _ in range(4)] == [DARK, "", SET_AGAIN, ""]
    assert light.brought_back == [CHANNEL]


def test_a_light_that_no_channel_switches_is_set_as_it_was_found():
    light = Light(channel=None, known=("laser",))
    kept = KeptLight(light)
    light.lost = {"laser": "camera ended"}
    assert [kept.bring_back(), kept.bring_back()] == [DARK, SET_AGAIN]
    assert light.brought_back == [None]


def test_what_the_run_did_not_set_stays_off_and_is_told_once():
    light = Light(channel=None)
    kept = KeptLight(light)
    light.lost = {"channels": "camera ended"}
    told = [kept.bring_back(), kept.bring_back()]
    assert told == [
        "channels was made safe (camera ended), and is off since: the run had not set it itself",
        "",
    ]
    assert light.brought_back == []


def test_a_light_that_does_not_come_back_fails_the_acquisition():
    light = Light(fails=[ServiceUnavailableError("laser is away", service="laser")])
    kept = KeptLight(light)
    light.lost = {"laser": "it ended"}
    assert kept.bring_back()
    with pytest.raises(ServiceUnavailableError, match="laser is away"):
        kept.bring_back()
