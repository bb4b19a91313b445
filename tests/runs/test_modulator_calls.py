"""The modulator of a run shows a mask for the time of a stimulus, and is blank whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pytest

from parfocal.core.channels import ChannelPreset
from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.modulation import (
    BLANK,
    ModulatorCalibration,
    PackedMask,
    ShownMask,
    mask_hash,
    pack_mask,
)
from parfocal.runs.instruments.instruments import InstrumentRestartedError
from parfocal.runs.instruments.modulator_calls import ModulatorCalls
from parfocal.runs.instruments.rig_facts import RigFacts
from parfocal.runs.instruments.shared_instruments import SharedInstruments
from parfocal.runs.plans.event import Event
from parfocal.runs.preflight import check_masks

PIXELS = np.zeros((4, 6), np.uint8)
PIXELS[1:3, 2:5] = 255
MASK = PackedMask.of(PIXELS)
DAY_NS = 86_400 * 10**9
SHOWN = ["light on its way", "dmd.show_mask", "light there"]


class Calls:
    """Stands for the services: a modulator that shows what it is told."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.shown = ShownMask(hash=BLANK, lit_px=0, shown_ns=0)
        self.sent: tuple[Any, ...] = ()
        self.error: Exception | None = None

    def ask(self, service: str, command: str, *args: Any, **_: Any) -> Any:
        self.log.append(f"{service}.{command}")
        if command == "show_mask":
            self.sent = args
            self.shown = ShownMask(hash=args[2], lit_px=6, shown_ns=7)
        elif command == "show_all":
            self.shown = ShownMask(hash=1, lit_px=24, shown_ns=8)
        return self.shown

    def tell(self, service: str, command: str, *args: Any) -> str:
        self.log.append(f"{service}.{command}")
        self.sent = args
        return command

    def result(self, call: str) -> None:
        self.log.append(f"{call} has ended")
        if self.error is not None:
            raise self.error

    @contextmanager
    def lighting(self) -> Iterator[None]:
        self.log.append("light on its way")
        yield
        self.log.append("light there")


@pytest.fixture
def calls():
    return Calls()


def modulator(calls, name="dmd"):
    return ModulatorCalls(calls, name, SharedInstruments())


def test_a_mask_is_shown_read_back_after_the_exposure_and_blanked(calls):
    with modulator(calls).showing(MASK, calls.lighting()) as shown:
        assert calls.log == SHOWN
        assert calls.sent == (pack_mask(PIXELS), (4, 6), mask_hash(PIXELS))
        assert shown == ShownMask(hash=mask_hash(PIXELS), lit_px=6, shown_ns=7)
    assert calls.log == [*SHOWN, "dmd.shown", "dmd.blank"]


def test_what_is_exposed_next_waits_until_it_is_blank_again(calls):
    use = SharedInstruments()
    first, other = (ModulatorCalls(calls, "dmd", use) for _ in range(2))
    first.wait_blank()
    assert calls.log == [], "nothing was shown yet"
    with first.showing(MASK, calls.lighting()):
        calls.log.clear()
    other.wait_blank()
    first.wait_blank()
    assert calls.log == ["dmd.shown", "dmd.blank", "blank has ended"]


def test_one_that_does_not_become_blank_is_told_to_who_exposes_next(calls):
    dark = modulator(calls)
    with dark.showing(MASK, calls.lighting()):
        calls.error = DeviceError("the mirrors are stuck")
    with pytest.raises(DeviceError, match="the mirrors are stuck"):
        dark.wait_blank()


def test_without_a_mask_the_whole_field_is_lit_with_a_modulator_or_without(calls):
    with modulator(calls).showing(None, calls.lighting()) as shown:
        assert shown.lit_px == 24
    assert calls.log == [
        "light on its way", "dmd.show_all", "light there", "dmd.shown", "dmd.blank"
    ]  # fmt: skip
    calls.log.clear()
    with modulator(calls, "").showing(None, calls.lighting()) as shown:
        assert shown is None
    assert calls.log == ["light on its way", "light there"]
    assert modulator(calls, "").learn() is None


def test_it_is_blank_after_an_exposure_that_fails(calls):
    with pytest.raises(ZeroDivisionError), modulator(calls).showing(MASK, calls.lighting()):
        raise ZeroDivisionError
    assert calls.log == [*SHOWN, "dmd.blank"]


def test_it_is_blank_where_the_light_fails(calls):
    @contextmanager
    def failing():
        yield
        raise DeviceError("no light")

    with pytest.raises(DeviceError, match="no light"), modulator(calls).showing(MASK, failing()):
        pytest.fail("it was exposed")
    assert calls.log == ["dmd.show_mask", "dmd.blank"]


def test_a_mask_that_was_not_there_to_the_end_is_told(calls):
    with (
        pytest.raises(InstrumentRestartedError, match="blanked, or shown another mask") as caught,
        modulator(calls).showing(MASK, calls.lighting()),
    ):
        calls.shown = ShownMask(hash=BLANK, lit_px=0, shown_ns=9)
    assert caught.value.source == "dmd"
    assert calls.log[-1] == "dmd.blank"


def test_a_mask_is_made_ready_without_being_shown(calls):
    modulator(calls).prepare(MASK)
    assert calls.log == ["dmd.prepare_mask"]
    assert calls.sent == (MASK.mask, (4, 6), MASK.hash)


def test_the_mask_that_was_shown_or_made_ready_last_is_not_sent_to_be_made_ready_once_more(calls):
    dmd, other = modulator(calls), PackedMask.of(255 - PIXELS)
    dmd.prepare(MASK)
    dmd.prepare(MASK)
    assert calls.log == ["dmd.prepare_mask"]
    with dmd.showing(other, calls.lighting()):
        pass
    dmd.prepare(other)
    assert calls.log.count("dmd.prepare_mask") == 1
    dmd.prepare(MASK)
    assert calls.log.count("dmd.prepare_mask") == 2


def test_levels_that_a_modulator_does_not_have_are_refused():
    grey = PIXELS.copy()
    grey[0, 0] = 17
    with pytest.raises(
        BadInputError, match=r"1 pixels between dark \(0\) and full light \(255\), such as 17"
    ):
        PackedMask.of(grey)


KNOWN = ModulatorCalibration(
    to_modulator=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    camera_shape=(4, 6),
    modulator_shape=(8, 8),
    residual_px=0.25,
    spots=9,
    utc_ns=0,
)


def test_a_stimulus_whose_light_passes_by_the_modulator_is_refused():
    """It lit the whole field, and the record told of a dose for the cells in its mask alone."""
    facts = RigFacts(
        frame_shape=(4, 6),
        calibration=KNOWN,
        presets={"blue": ChannelPreset(light="laser"), "green": ChannelPreset(light="lamp")},
        masked_lights=("laser",),
    )
    blue, green = (
        Event(number=7, kind="stimulus", index={"t": 1}, channel=name) for name in ("blue", "green")
    )
    assert check_masks([blue], facts, 0) == ""
    with pytest.raises(BadInputError, match=r"event 7 \(t=1\): .* 'green' is lit by 'lamp', which no mask"):
        check_masks([blue, green], facts, 0)
    unknown = msgspec.structs.replace(facts, masked_lights=())
    assert check_masks([green], unknown, 0) == "", "nobody has said before which lights it is"


def test_masks_are_refused_where_nobody_knows_what_they_light_and_old_knowledge_is_told():
    with pytest.raises(
        BadInputError, match=r"not calibrated: .* `calibrate` first, as `parfocal call modulator calibrate`"
    ):
        check_masks((), RigFacts(frame_shape=(4, 6)), 0)
    with pytest.raises(BadInputError, match=r"images of \(4, 6\), and the camera's are of \(2, 3\)"):
        check_masks((), RigFacts(frame_shape=(2, 3), calibration=KNOWN), 0)
    facts = RigFacts(frame_shape=(4, 6), calibration=KNOWN)
    assert check_masks((), facts, 7 * DAY_NS) == ""
    assert check_masks((), facts, 9 * DAY_NS) == (
        "the calibration of the light modulator is 9 days old (residual 0.25 px); calibrate again"
    )
