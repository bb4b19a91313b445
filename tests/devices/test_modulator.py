"""The host of a light modulator: masks in camera pixels, read back, within limits, and dark when lost."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError, DeviceError, MadeSafeError
from parfocal.core.modulation import (
    BLANK,
    ModulatorCalibration,
    mask_hash,
    pack_mask,
    unpack_mask,
)
from parfocal.devices.mask_warp import MaskWarp
from parfocal.devices.modulator import ModulatorHost
from parfocal.devices.simulated.microscope.world import SimulatedWorld
from parfocal.testing.clock import JumpClock
from parfocal.testing.local_rig import LocalRig

SHAPE = (30, 40)
CAMERA = (20, 24)
IDENTITY = ModulatorCalibration(
    to_modulator=((1.0, 0.0, 8.0), (0.0, 1.0, 5.0)),
    camera_shape=CAMERA,
    modulator_shape=SHAPE,
    residual_px=0.2,
    spots=25,
    utc_ns=1,
)


@pytest.fixture
def rig(tmp_path):
    with LocalRig(tmp_path, JumpClock(monotonic_ns=1_000)) as rig:
        rig.add("world", SimulatedWorld, {"modulators": {"dmd": {"shape": SHAPE}}})
        add_modulator(rig)
        yield rig


def add_modulator(rig, name="modulator", **options):
    return rig.add(name, ModulatorHost, {"device": "simulated-dmd", "options": options})


def square(shape=CAMERA):
    mask = np.zeros(shape, np.uint8)
    mask[3:9, 4:7] = 1
    return mask


def show(modulator, mask, **changed):
    wanted = {"mask": pack_mask(mask), "shape": mask.shape, "hash": mask_hash(mask)} | changed
    return modulator.call("show_mask", **wanted)


def on_the_mirrors(rig):
    return unpack_mask(rig.client("world").call("pattern", "dmd"), SHAPE)


def test_a_mask_is_shown_where_the_calibration_says_and_told_by_its_hash(rig):
    modulator = rig.client("modulator")
    modulator.call("set_calibration", IDENTITY)
    rig.clock.advance(1.0)
    shown = show(modulator, square())
    expected = np.zeros(SHAPE, np.uint8)
    expected[8:14, 12:15] = 1
    assert np.array_equal(on_the_mirrors(rig), expected)
    assert (shown.hash, shown.lit_px) == (mask_hash(square()), 18)
    assert shown.shown_ns == rig.clock.monotonic_ns()
    assert modulator.call("shown") == shown
    assert rig.client("world").call("lit_pixels") == {"dmd": 18}
    modulator.call("blank")
    assert modulator.call("shown").hash == BLANK
    assert not on_the_mirrors(rig).any()


def test_a_mask_that_was_made_ready_is_shown_as_any_other(rig):
    modulator = rig.client("modulator")
    modulator.call("set_calibration", IDENTITY)
    ready = {"mask": pack_mask(square()), "shape": CAMERA, "hash": mask_hash(square())}
    modulator.call("prepare_mask", **ready)
    assert modulator.call("shown").hash == BLANK
    assert show(modulator, square()).lit_px == 18
    with pytest.raises(BadInputError, match="nothing is shown"):
        modulator.call("prepare_mask", **ready | {"hash": 1})
    (a, b, x), y = IDENTITY.to_modulator
    shifted = msgspec.structs.replace(IDENTITY, to_modulator=((a, b, x + 1), y))
    modulator.call("prepare_mask", **ready)
    modulator.call("set_calibration", shifted)
    show(modulator, square())
    assert np.array_equal(on_the_mirrors(rig), MaskWarp(shifted).pattern(square())), "by the new calibration"


def test_without_a_calibration_only_its_own_pixels_can_be_shown(rig):
    modulator = rig.client("modulator")
    assert modulator.call("calibration") is None
    with pytest.raises(BadInputError, match="not calibrated: call its command `calibrate`"):
        show(modulator, square())
    assert modulator.call("show_all").lit_px == SHAPE[0] * SHAPE[1]
    pattern = np.zeros(SHAPE, np.uint8)
    pattern[2, 3:5] = 1
    assert modulator.call("show_pattern", pack_mask(pattern)).hash == mask_hash(pattern)
    assert np.array_equal(on_the_mirrors(rig), pattern)


def test_a_calibration_outlives_the_rig_and_one_that_is_none_is_refused(rig, tmp_path):
    modulator = rig.client("modulator")
    modulator.call("set_calibration", IDENTITY)
    assert add_modulator(rig, "again").call("calibration") is None
    replace = msgspec.structs.replace
    with pytest.raises(BadInputError, match=r"residual of 3 px is above the limit of 1 px"):
        modulator.call("set_calibration", replace(IDENTITY, residual_px=3.0))
    with pytest.raises(BadInputError, match="residual of nan"):
        modulator.call("set_calibration", replace(IDENTITY, residual_px=float("nan")))
    with pytest.raises(BadInputError, match=r"\(31, 40\), not \(30, 40\)"):
        modulator.call("set_calibration", replace(IDENTITY, modulator_shape=(31, 40)))
    with pytest.raises(BadInputError, match="invertible"):
        replace(IDENTITY, to_modulator=((1.0, 1.0, 0.0), (1.0, 1.0, 0.0)))
    rig.close()
    rig.add("world", SimulatedWorld, {"modulators": {"dmd": {"shape": SHAPE}}})
    assert add_modulator(rig).call("calibration") == IDENTITY
    rig.close()
    rig.add("world", SimulatedWorld, {"modulators": {"dmd": {"shape": (30, 41)}}})
    assert add_modulator(rig).call("calibration") is None


def test_a_file_that_holds_no_calibration_is_named(rig, tmp_path):
    file = tmp_path / "kept" / "dmd.json"
    settings = {"device": "simulated-dmd", "calibration_file": str(file)}
    rig.add("other", ModulatorHost, settings).call("set_calibration", IDENTITY)
    file.write_text(file.read_text().replace("residual_px", "residual"))
    with pytest.raises(DeviceError, match=r"dmd.json holds no calibration .*: calibrate again, or remove it"):
        rig.add("third", ModulatorHost, settings)


def test_a_mask_that_is_not_the_one_of_its_hash_or_of_another_shape_is_not_shown(rig):
    modulator = rig.client("modulator")
    modulator.call("set_calibration", IDENTITY)
    show(modulator, square())
    with pytest.raises(BadInputError, match="is not the one of hash"):
        show(modulator, square(), hash=mask_hash(square()) ^ 1)
    with pytest.raises(
        BadInputError, match=r"calibrated for images of \(20, 24\), and the mask has \(10, 24\)"
    ):
        show(modulator, square((10, 24)))
    with pytest.raises(BadInputError, match="does not have 3 bytes"):
        modulator.call("show_mask", b"abc", CAMERA, 1)
    assert modulator.call("shown").hash == mask_hash(square())


def test_more_light_than_the_modulator_takes_is_refused(rig):
    modulator = add_modulator(rig, "small", lit_fraction=0.02)
    modulator.call("set_calibration", IDENTITY)
    show(modulator, square())
    with pytest.raises(BadInputError, match=r"lit_fraction must lie from 0 to 0.02, not 0.4"):
        show(modulator, np.ones(CAMERA, np.uint8))
    with pytest.raises(BadInputError, match="lit_fraction"):
        modulator.call("show_all")


def test_a_dead_modulator_is_seen_by_what_is_read_back(rig):
    modulator = rig.client("modulator")
    modulator.call("set_calibration", IDENTITY)
    modulator.call("inject_fault", "dead")
    with pytest.raises(DeviceError, match="did not take the mask: it shows nothing"):
        show(modulator, square())
    modulator.call("inject_fault", "free")
    show(modulator, square())
    modulator.call("inject_fault", "dead")
    with pytest.raises(DeviceError, match="shows another mask than the one that was sent last"):
        modulator.call("show_all")
    with pytest.raises(DeviceError, match="shows another mask"):
        modulator.call("shown")


def test_a_mask_that_is_late_takes_its_time_and_one_that_is_blanked_meanwhile_fails(rig):
    modulator = rig.client("modulator")
    modulator.call("inject_fault", "late", {"seconds": 2.5})
    before_ns = rig.clock.monotonic_ns()
    assert modulator.call("show_all").shown_ns - before_ns == 2_500_000_000
    host = rig.services["modulator"]
    inner = host.device.show_packed

    def blanked_meanwhile(bits):
        inner(bits)
        modulator.call("blank")

    host.device.show_packed = blanked_meanwhile
    with pytest.raises(MadeSafeError, match="blanked meanwhile"):
        modulator.call("show_all")
    assert not on_the_mirrors(rig).any()


def test_its_lease_that_is_lost_blanks_it(rig):
    modulator = rig.client("modulator")
    modulator.call("show_all")
    rig.services["modulator"].make_output_safe("")
    assert not on_the_mirrors(rig).any()
    assert modulator.call("shown").hash == BLANK


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_mask_is_the_same_after_packing_and_no_other_has_its_hash(height, width, random):
    mask = np.array([[random.random() < 0.5 for _ in range(width)] for _ in range(height)], np.uint8)
    assert np.array_equal(unpack_mask(pack_mask(mask), mask.shape), mask)
    other = mask.copy()
    other[random.randrange(height), random.randrange(width)] ^= 1
    assert mask_hash(mask) == mask_hash(mask.astype(bool)) != mask_hash(other)
    assert height == width or mask_hash(mask) != mask_hash(mask.T)


@settings(max_examples=20)
@given(st.floats(-40, 40), st.floats(0.7, 1.5), st.floats(-0.1, 0.1), st.floats(-5, 5), st.floats(-5, 5))
def test_each_pixel_of_a_modulator_is_lit_by_the_nearest_of_the_mask(angle, scale, shear, x, y):
    turn = np.deg2rad(angle)
    linear = (
        scale
        * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        @ np.array([[1.0, shear], [0.0, 1.0]])
    )
    rows = np.column_stack([linear, [x + 15.0, y + 8.0]])
    calibration = ModulatorCalibration(
        to_modulator=tuple(map(tuple, rows.tolist())),
        camera_shape=CAMERA,
        modulator_shape=SHAPE,
        residual_px=0.0,
        spots=9,
        utc_ns=0,
    )
    pattern = MaskWarp(calibration).pattern(square())
    for row in range(SHAPE[0]):
        for column in range(SHAPE[1]):
            at = np.linalg.solve(linear, np.array([column, row]) - rows[:, 2])
            if np.abs(at - np.round(at)).max() > 0.49:
                continue  # between two pixels
            u, v = np.rint(at).astype(int)
            inside = 0 <= u < CAMERA[1] and 0 <= v < CAMERA[0]
            assert pattern[row, column] == (square()[v, u] if inside else 0)
