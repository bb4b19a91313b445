import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.analysis.beads.rois import Roi, RoiSet
from parfocal.core.errors import BadInputError

EMPTY = RoiSet(roi_px=64, width_px=640, height_px=480)


def test_each_change_is_a_version():
    rois = EMPTY.added([(100, 100), (200, 200), (300, 300)])
    rois = rois.moved({1: (210, 220)}).removed(0)
    assert rois.version == 3
    assert rois.rois == (Roi(1, 210.0, 220.0), Roi(2, 300.0, 300.0))
    assert rois.added([(400, 400)]).beads == (1, 2, 3)
    assert rois.renumbered().beads == (0, 1)
    assert rois.renumbered().added([(400, 400)]).beads == (0, 1, 2)
    assert rois.cleared().added([(1, 1)]).beads == (0,)
    assert EMPTY.rois == ()


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), max_size=20))
def test_regions_always_lie_within_the_image(middles):
    corners = EMPTY.added(middles).corners()
    assert corners.shape == (len(middles), 2)
    assert (corners >= 0).all()
    assert (corners <= np.array([480 - 64, 640 - 64])).all()


@given(st.dictionaries(st.integers(0, 9), st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))))
def test_many_regions_move_in_one_version_and_the_others_stay(places):
    rois = EMPTY.added([(60 + 50 * n, 100) for n in range(10)])
    moved = rois.moved(places)
    assert moved.version == rois.version + bool(places)
    assert moved.beads == rois.beads
    for before, after in zip(rois.rois, moved.rois, strict=True):
        wanted = places.get(before.bead, (before.x_px, before.y_px))
        assert (after.x_px, after.y_px) == (min(max(wanted[0], 32), 608), min(max(wanted[1], 32), 448))


def test_those_that_are_too_near_are_not_free():
    rois = EMPTY.added([(100, 100)])
    assert rois.free_of([(120, 130), (140, 100), (160, 130), (300, 300)], 40) == [(140, 100), (300, 300)]
    assert EMPTY.free_of([], 40) == []


def test_a_file_brings_them_back(tmp_path):
    rois = EMPTY.added([(100.5, 100), (200, 200)]).removed(0)
    rois.save(tmp_path / "rois.json")
    again = EMPTY.added([(1, 1)]).loaded(tmp_path / "rois.json")
    assert again.rois == rois.rois
    assert again.version == 2
    assert again.next_bead == 2
    small = RoiSet(roi_px=64, width_px=220, height_px=220).loaded(tmp_path / "rois.json")
    assert small.rois == (Roi(1, 188.0, 188.0),)


def test_a_file_of_another_image_is_refused(tmp_path):
    EMPTY.added([(100, 100), (600, 100)]).save(tmp_path / "rois.json")
    with pytest.raises(BadInputError, match=r"bead 1 at \(600, 100\).*128 x 128 px.*640 x 480"):
        RoiSet(roi_px=64, width_px=128, height_px=128).loaded(tmp_path / "rois.json")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": "other"}', '{"format": "parfocal rois 1", "roi_px": "x"}']
)
def test_a_file_of_something_else_is_refused(text, tmp_path):
    (tmp_path / "rois.json").write_text(text)
    with pytest.raises(BadInputError, match=r"rois\.json holds no regions"):
        EMPTY.loaded(tmp_path / "rois.json")
    with pytest.raises(BadInputError):
        EMPTY.loaded(tmp_path / "nowhere.json")


def test_a_file_of_another_size_is_refused(tmp_path):
    RoiSet(roi_px=32, width_px=640, height_px=480).save(tmp_path / "rois.json")
    with pytest.raises(BadInputError, match="32 px, but roi_px is 64"):
        EMPTY.loaded(tmp_path / "rois.json")


@pytest.mark.parametrize("roi_px", [0, 6, 7, 63, 258, 500])
def test_sizes_are_even_and_from_8_to_256(roi_px):
    with pytest.raises(BadInputError, match="roi_px"):
        RoiSet(roi_px=roi_px, width_px=640, height_px=480)


def test_what_makes_no_sense_is_refused():
    rois = EMPTY.added([(100, 100)])
    with pytest.raises(BadInputError, match="there are 1, 0 to 0"):
        rois.moved({3: (1, 1)})
    with pytest.raises(BadInputError, match="there are none"):
        EMPTY.removed(3)
    with pytest.raises(BadInputError, match="nan"):
        rois.added([(float("nan"), 1)])
    with pytest.raises(BadInputError, match="do not fit"):
        RoiSet(roi_px=64, width_px=32, height_px=480)
    with pytest.raises(BadInputError, match="too many"):
        EMPTY.added([(100, 100)] * 10_001)
    assert len(EMPTY.added([(100, 100)] * 10_000).rois) == 10_000
    with pytest.raises(BadInputError, match="same bead"):
        msgspec.structs.replace(rois, rois=rois.rois * 2)
