"""What every light modulator does: it lets no light through unless somebody wants a pattern."""

from __future__ import annotations

import numpy as np

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.modulation import pack_mask
from parfocal.core.protocols import CanFail, HasLimits, LightModulator, TakesPackedMask
from parfocal.testing.contracts.promise import NotAskable, Promises, Trial, refused

MODULATOR = Promises("modulator")


@MODULATOR.promise()
def it_is_blank_when_opened(trial: Trial) -> None:
    """It has all methods of the protocol, tells its shape, and shows nothing."""
    assert isinstance(trial.device, LightModulator)
    height, width = trial.device.shape
    assert min(height, width) > 0
    assert trial.device.shown().shape == (height, width)
    assert not trial.device.shown().any()
    assert isinstance(trial.device.state(), dict)


@MODULATOR.promise(needs="light")
def it_shows_what_it_is_given(trial: Trial) -> None:
    """What is read back is the pattern, 0 or 1 in each pixel, whatever number stands for lit."""
    for place in (0, 1):
        pattern = _pattern(trial, place)
        for level in (1, 255):
            trial.device.show(pattern * np.uint8(level))
            assert np.array_equal(trial.device.shown(), pattern)


@MODULATOR.promise(needs="light")
def a_pattern_is_a_copy(trial: Trial) -> None:
    """It keeps no hold of the array that it was given, and gives one away that is the caller's own."""
    pattern = _pattern(trial, 0)
    trial.device.show(pattern)
    before = trial.device.shown()
    pattern[:] = 0
    trial.device.shown()[:] = 0
    assert np.array_equal(trial.device.shown(), before)
    assert before.any()


@MODULATOR.promise(needs="light")
def packed_masks_and_images_are_one(trial: Trial) -> None:
    """If it takes packed masks, they show what the image does, and what it shows is read back either way."""
    packing = trial.device if isinstance(trial.device, TakesPackedMask) else None
    if packing is None:
        raise NotAskable("it takes images alone")
    pattern = _pattern(trial, 1)
    bits = pack_mask(pattern)
    packing.show_packed(bits)
    assert np.array_equal(trial.device.shown(), pattern)
    assert packing.shown_packed() == bits
    with refused(BadInputError, saying=str(pattern.shape[0])):
        packing.show_packed(bits + bits)
    trial.device.make_safe()
    trial.device.show(pattern)
    assert packing.shown_packed() == bits


@MODULATOR.promise(needs="light")
def another_shape_is_refused(trial: Trial) -> None:
    """A pattern of another shape is refused, and the old one stays."""
    pattern = _pattern(trial, 0)
    trial.device.show(pattern)
    height, width = trial.device.shape
    for shape in ((width + 1, height), (height - 1, width)):
        with refused(BadInputError, saying=str(height)):
            trial.device.show(np.zeros(shape, np.uint8))
    assert np.array_equal(trial.device.shown(), pattern)


@MODULATOR.promise(needs="light")
def safe_is_blank(trial: Trial) -> None:
    """Made safe, once or twice, it shows nothing, and takes a pattern again."""
    pattern = _pattern(trial, 0)
    trial.device.show(pattern)
    trial.device.make_safe()
    trial.device.make_safe()
    assert not trial.device.shown().any()
    trial.device.show(pattern)
    assert np.array_equal(trial.device.shown(), pattern)


@MODULATOR.promise(needs="light")
def closed_is_blank_and_safe(trial: Trial) -> None:
    """Closing blanks it; opened again it is still blank."""
    trial.device.show(_pattern(trial, 0))
    trial.device.close()
    trial.device.close()
    trial.device.make_safe()
    with refused(DeviceError, saying="open"):
        trial.device.shown()
    trial.device.open()
    assert not trial.device.shown().any()


@MODULATOR.promise()
def its_limit_is_a_part_of_its_pixels(trial: Trial) -> None:
    """How much of it may be lit, if it declares that, is a number from 0 to 1."""
    limits = trial.device.limits() if isinstance(trial.device, HasLimits) else {}
    if "lit_fraction" not in limits:
        raise NotAskable("it declares no limit")
    low, high = limits["lit_fraction"]
    assert low == 0.0
    assert 0.0 < high <= 1.0


@MODULATOR.promise(needs="light")
def an_error_comes_once(trial: Trial) -> None:
    """An error is raised by the pattern, with its text; the next one is shown."""
    faults = _faults(trial)
    faults.inject_fault("error")
    with refused(DeviceError, saying="injected"):
        trial.device.show(_pattern(trial, 0))
    trial.device.show(_pattern(trial, 1))
    assert np.array_equal(trial.device.shown(), _pattern(trial, 1))


@MODULATOR.promise(needs="light")
def a_dead_one_tells_by_what_is_read_back(trial: Trial) -> None:
    """One that does not move any more goes on showing what it shows, and says so when it is read back."""
    faults = _faults(trial)
    trial.device.show(_pattern(trial, 0))
    faults.inject_fault("dead")
    trial.device.show(_pattern(trial, 1))
    assert np.array_equal(trial.device.shown(), _pattern(trial, 0))
    faults.inject_fault("free")
    trial.device.show(_pattern(trial, 1))
    assert np.array_equal(trial.device.shown(), _pattern(trial, 1))


def _pattern(trial: Trial, place: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return a pattern without symmetry that few pixels make."""
    pattern = np.zeros(trial.device.shape, np.uint8)
    pattern[place, : 3 + place] = 1
    pattern[-1, place] = 1
    return pattern


def _faults(trial: Trial) -> CanFail:
    if not isinstance(trial.device, CanFail):
        raise NotAskable("it cannot be told to fail")
    return trial.device
