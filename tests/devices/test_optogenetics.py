"""The optogenetics sample: what light does to its cells, where, when, and what is told of it."""

import numpy as np
import pytest
from scipy import ndimage

from parfocal.core.errors import BadInputError
from parfocal.core.modulation import pack_mask
from parfocal.devices.modulator import ModulatorHost
from parfocal.devices.simulated.optogenetics.lineage import NODES
from parfocal.devices.simulated.optogenetics.lit_region import intersection_over_union

from .microscopes import OFFSET, Microscope, several

CAMERA = "simulated-optogenetics-camera"
MIRRORS = (300, 400)
SIDE = 256
OPTIONS = {
    "width_px": SIDE,
    "height_px": SIDE,
    "field_um": 600.0,
    "projection": {"scale": 0.9, "rotation_deg": 7.0, "shear": 0.04},
}
PRESETS = {
    "nucleus": {"light": "excitation", "power": 0.5, "filter": "nucleus"},
    "cytoplasm": {"light": "excitation", "power": 0.5, "filter": "cytoplasm"},
    "stimulation": {"light": "stimulation", "power": 0.2, "filter": "open"},
}


class Optogenetics(Microscope):
    """A camera of the optogenetics sample, with a modulator."""

    def __init__(self, folder, **options):
        world = {"modulators": {"dmd": {"shape": MIRRORS}}}
        super().__init__(folder, CAMERA, PRESETS, world, {**OPTIONS, **options})
        self.modulator = self.rig.add("modulator", ModulatorHost, {"device": "simulated-dmd"})

    def image(self, channel, event=-1, time_s=None):
        """Take one image of a channel, in its light alone; return it as float above the offset."""
        image = super().image(channel, event, time_s)
        self.channels.call("close_shutter")
        return image

    def truth(self):
        return self.camera.ground_truth(self.header.frame)

    def stimulate(self, pattern, event, time_s):
        self.modulator.call("show_pattern", pack_mask(pattern))
        image = self.image("stimulation", event, time_s)
        self.modulator.call("blank")
        return image


@pytest.fixture
def make(tmp_path):
    with several(tmp_path, Optogenetics) as make:
        yield make


def right_half():
    pattern = np.zeros(MIRRORS, np.uint8)
    pattern[:, MIRRORS[1] // 2 :] = 1
    return pattern


def of(rows, cells):
    """Return the rows of cells that are in both, in the order of their numbers."""
    rows = rows[np.argsort(rows["cell"])]
    return rows[np.isin(rows["cell"], cells)]


def test_lit_cells_answer_as_stated_and_others_do_not(make):
    microscope = make(steer_um=0.0)
    microscope.image("cytoplasm", 0, 0.0)
    rest = microscope.truth()
    microscope.stimulate(right_half(), 1, 0.0)
    at_once = microscope.truth()
    lit, unlit = (at_once["cell"][at_once["lit"] == part] for part in (1.0, 0.0))
    assert min(lit.size, unlit.size) > 5
    dose = 0.2 * 20.0
    for seconds in (5.0, 60.0, 200.0):
        microscope.image("cytoplasm", 2, seconds)
        now = microscope.truth()
        drive = dose * (np.exp(-seconds / 60.0) - np.exp(-seconds / 2.0))
        t = np.log(30.0) * 120.0 / 58.0
        drive /= np.exp(-t / 60.0) - np.exp(-t / 2.0)
        activity = drive / (drive + 1.0)
        still = np.intersect1d(now["cell"], rest["cell"])
        answered = of(now, np.intersect1d(lit, still))
        assert answered["activity"] == pytest.approx(activity, rel=1e-3)
        assert answered["dose"] == pytest.approx(dose)
        before = of(rest, answered["cell"])["reporter"]
        assert answered["reporter"] == pytest.approx(before * (1 + activity) / (1 - 0.6 * activity), rel=1e-3)
        others = of(now, np.intersect1d(unlit, still))
        assert (others["activity"] == 0.0).all()
        assert others["reporter"] == pytest.approx(of(rest, others["cell"])["reporter"], rel=1e-5)


def test_the_reporter_is_seen_to_leave_the_nucleus(make):
    microscope = make(steer_um=0.0, roam_um=0.0, cycle_s=1e6)
    ones = np.ones(MIRRORS, np.uint8)
    before = microscope.image("cytoplasm", 0, 0.0)
    at = microscope.truth()
    microscope.stimulate(ones, 1, 0.0)
    after = microscope.image("cytoplasm", 2, 8.0)
    inner = at[(np.abs(at["x_px"] - 128) < 100) & (np.abs(at["y_px"] - 128) < 100)]
    y, x = np.rint(inner["y_px"]).astype(int), np.rint(inner["x_px"]).astype(int)
    assert (after[y, x] < 0.7 * before[y, x]).mean() > 0.9
    assert after.sum() > before.sum()


def test_the_light_falls_where_the_optics_say_and_the_region_tells_it(make):
    microscope = make()
    rows, columns = np.mgrid[: MIRRORS[0], : MIRRORS[1]]
    spot = (np.hypot(rows - 120.0, columns - 230.0) < 20.0).astype(np.uint8)
    microscope.move(x=30.0, y=-20.0)
    image = microscope.stimulate(spot, 5, 1.0)
    lit = microscope.camera.lit_region(5)
    assert (lit.x_um, lit.y_um, lit.power, lit.exposure_ms) == (30.0, -20.0, 0.2, 20.0)
    assert np.mean((ndimage.gaussian_filter(image, 1.0) > 200.0) != (lit.image() != 0)) < 0.002
    y, x = ndimage.center_of_mass(lit.image())
    turn = np.deg2rad(7.0)
    linear = (
        0.9
        * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        @ [
            [1.0, 0.04],
            [0.0, 1.0],
        ]
    )
    mirror = linear @ (np.array([x, y]) - 127.5) + np.array([199.5 + 6.0, 149.5 - 4.0])
    assert mirror == pytest.approx([230.0, 120.0], abs=0.3)
    assert intersection_over_union(lit.image(), 30.0, -20.0, 0.65, lit) == 1.0
    assert intersection_over_union(lit.image(), 60.0, -20.0, 0.65, lit) == 0.0
    with pytest.raises(BadInputError, match="no lit region of event 6 is remembered: those of events 5"):
        microscope.camera.lit_region(6)
    blank = np.zeros(MIRRORS, np.uint8)
    assert abs(microscope.stimulate(blank, 7, 2.0).mean()) < 1.0


def test_the_same_events_give_the_same_images_whatever_the_clock_does(make):
    images = []
    for pause_s in (0.0, 33.0):
        microscope = make()
        taken = []
        for t in range(4):
            taken.append(microscope.image("cytoplasm", 3 * t, 10.0 * t))
            taken.append(microscope.image("nucleus", 3 * t + 1, 10.0 * t))
            taken.append(microscope.stimulate(right_half(), 3 * t + 2, 10.0 * t))
            microscope.clock.advance(pause_s)
        images.append(np.stack(taken))
    assert np.array_equal(*images)


def test_a_camera_that_is_late_has_light_and_place_as_they_were_when_it_exposed(make):
    prompt, late = make(), make()
    image = prompt.stimulate(right_half(), 1, 0.0)
    late.modulator.call("show_pattern", pack_mask(right_half()))
    late.channels.call("set_channel", "stimulation")
    late.camera.next_event(1, 0.0, {})
    late.camera.start(count=1)
    out = np.zeros(late.camera.spec.shape, late.camera.spec.dtype)
    assert late.camera.read_into(out, 0.0) is None, "it has begun to expose"
    late.clock.advance(0.05)
    late.channels.call("close_shutter")
    late.modulator.call("blank")
    late.move(x=70.0, z=3.0)
    late.header = late.camera.read_into(out, 100.0)
    np.testing.assert_array_equal(out - OFFSET, image)
    np.testing.assert_array_equal(late.truth(), prompt.truth())
    assert late.camera.lit_region(1) == prompt.camera.lit_region(1)
    assert late.truth()["lit"].any()


def test_a_mask_that_changes_while_its_image_is_waited_for_is_seen(make):
    microscope = make()
    left_half = pack_mask(right_half()[:, ::-1])
    shown = [microscope.stimulate(pattern, 1, 0.0) for pattern in (right_half(), right_half()[:, ::-1])]
    microscope.modulator.call("show_pattern", pack_mask(right_half()))
    microscope.channels.call("set_channel", "stimulation")
    microscope.change_half_way(lambda: microscope.modulator.call("show_pattern", left_half))
    changed = Microscope.image(microscope, event=1, time_s=0.0)
    assert not np.array_equal(*shown)
    np.testing.assert_array_equal(changed, shown[1])


def test_what_light_has_done_outlives_the_camera_and_ends_with_the_run(make):
    microscope = make()
    microscope.stimulate(right_half(), 0, 0.0)
    microscope.image("cytoplasm", 1, 5.0)
    before = microscope.truth()
    microscope.camera.close()
    microscope.new_camera(CAMERA, OPTIONS)
    image = microscope.image("cytoplasm", 1, 5.0)
    again = microscope.truth()
    assert (again["activity"] == before["activity"]).all()
    assert before["activity"].max() > 0.5
    microscope.image("cytoplasm", 0, 0.0)
    assert (microscope.truth()["activity"] == 0.0).all()
    assert (microscope.truth()["dose"] == 0.0).all()
    assert not np.array_equal(microscope.image("cytoplasm", 1, 5.0), image)


def test_blocked_light_reaches_no_cell_and_no_pixel(make):
    microscope = make(blocked=["stimulation"])
    assert abs(microscope.stimulate(np.ones(MIRRORS, np.uint8), 0, 0.0).mean()) < 1.0
    microscope.image("cytoplasm", 1, 5.0)
    assert (microscope.truth()["dose"] == 0.0).all()


def test_excitation_bleaches_all_that_is_in_view(make):
    microscope = make(bleach_dose=100.0, roam_um=0.0, cycle_s=1e6)
    microscope.image("nucleus", 0, 0.0)
    first = microscope.truth()
    for k in range(1, 4):
        microscope.image("nucleus", k, float(k))
    left = of(microscope.truth(), first["cell"])["nucleus"] / of(first, microscope.truth()["cell"])["nucleus"]
    assert left == pytest.approx(np.exp(-3 * 0.5 * 20.0 / 100.0), rel=1e-3)


def test_a_cell_is_drawn_to_the_side_that_is_lit(make):
    moved = {}
    for steer_um in (0.0, 4.0):
        microscope = make(steer_um=steer_um, roam_um=0.0, cycle_s=1e6)
        microscope.image("nucleus", 0, 0.0)
        cells = microscope.truth()
        target = cells[np.argmin(np.hypot(cells["x_px"] - 128, cells["y_px"] - 128))]
        projection = microscope.camera._projection
        y, x = np.mgrid[: MIRRORS[0], : MIRRORS[1]]
        away = np.stack([x - 205.5, y - 145.5]).reshape(2, -1)
        sensor = np.linalg.solve(projection.linear, away) + 127.5
        from_cell = sensor - [[target["x_px"]], [target["y_px"]]]
        beside = (from_cell[0] > 0) & (np.hypot(*from_cell) < 15)
        microscope.stimulate(beside.reshape(MIRRORS).astype(np.uint8), 1, 0.0)
        microscope.image("nucleus", 2, 100.0)
        (now,) = of(microscope.truth(), [target["cell"]])
        moved[steer_um] = now["x_um"] - target["x_um"], now["y_um"] - target["y_um"]
    assert moved[0.0] == (0.0, 0.0)
    assert 0.3 < moved[4.0][0] < 4.0
    assert abs(moved[4.0][1]) < 0.2 * moved[4.0][0]


def test_daughters_begin_where_their_mother_was_with_what_she_had(make):
    microscope = make(cycle_s=100.0, generations=1)
    microscope.image("nucleus", 0, 0.0)
    founders = microscope.truth()
    assert (founders["cell"] % NODES == 0).all()
    assert (founders["parent"] == -1).all()
    microscope.stimulate(np.ones(MIRRORS, np.uint8), 1, 0.0)
    microscope.image("nucleus", 2, 100.0)
    later = microscope.truth()
    assert (later["parent"] == later["cell"] // NODES * NODES).all()
    assert len(later) > 1.6 * len(founders)
    known = later[np.isin(later["parent"], founders["cell"])]
    assert known.size
    assert known["dose"] == pytest.approx(0.2 * 20.0)
    first, second = (known[known["cell"] % NODES == node] for node in (1, 2))
    mothers = np.intersect1d(first["parent"], second["parent"])
    first, second = (of(sisters, mothers + node) for node, sisters in ((1, first), (2, second)))
    apart = np.hypot(first["x_um"] - second["x_um"], first["y_um"] - second["y_um"])
    assert apart.size > 3
    assert ((apart > 7.0) & (apart < 13.5)).all()


def test_light_that_stays_on_outside_exposures_counts_beyond_a_moment(make):
    doses = {}
    for seconds in (0.2, 5.0):
        microscope = make(cycle_s=1e6)
        microscope.modulator.call("show_all")
        microscope.image("stimulation", 0, 0.0)
        microscope.channels.call("open_shutter")
        microscope.clock.advance(seconds)
        microscope.image("stimulation", 1, 1.0)
        microscope.image("cytoplasm", 2, 2.0)
        doses[seconds] = np.median(microscope.truth()["dose"])
    assert doses[0.2] == pytest.approx(2 * 0.2 * 20.0)
    assert doses[5.0] == pytest.approx(2 * 0.2 * 20.0 + 0.2 * 5000.0 - 500.0, rel=0.02)
