"""Cells are found as people marked them, and touching ones are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from parfocal.analysis.cells.libraries import library
from parfocal.analysis.cells.otsu_threshold import otsu_threshold
from parfocal.analysis.cells.segment import local_threshold, otsu
from parfocal.analysis.cells.splitting import split_touching, without_small
from parfocal.core.errors import BadInputError, ConfigError
from parfocal.tracking.distance import distance_to_background

NUCLEI = Path(__file__).parent / "data" / "nuclei-2d.npz"


def agreement(reference: np.ndarray, found: np.ndarray, least_overlap: float = 0.5) -> float:
    """Return F1: pairs whose intersection over union is at least `least_overlap`, among all of both."""
    overlap = np.zeros((reference.max() + 1, found.max() + 1))
    np.add.at(overlap, (reference.ravel(), found.ravel()), 1)
    union = overlap.sum(axis=1)[:, None] + overlap.sum(axis=0) - overlap
    pairs = (overlap / union)[1:, 1:] >= least_overlap
    return 2 * pairs.sum() / (reference.max() + found.max())


def discs(*circles: tuple[float, float, float], shape: tuple[int, int] = (80, 100)) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.any([np.hypot(y - down, x - right) < radius for down, right, radius in circles], axis=0)


def test_real_nuclei_are_found_as_people_marked_them():
    with np.load(NUCLEI) as real:
        image, reference = real["image"], real["labels"].astype(int)
    assert agreement(reference, local_threshold(image)) >= 0.85
    assert agreement(reference, otsu(image)) >= 0.75, "one threshold misses dim ones beside bright ones"


@pytest.mark.parametrize("segment", [otsu, local_threshold])
def test_cells_in_noise_are_found_one_by_one(segment):
    circles = [(20, 20, 8), (20, 34.5, 8), (55, 30, 9), (50, 75, 10)]
    noise = np.random.default_rng(3).normal(0, 10, (80, 100))
    labels = segment(100 + 200 * discs(*circles) + noise, min_contrast=80)
    assert labels.dtype == np.int32
    assert sorted(np.unique(labels)) == [0, 1, 2, 3, 4]
    centres = ndimage.center_of_mass(labels > 0, labels, [1, 2, 3, 4])
    for down, right, _ in circles:
        assert min(np.hypot(y - down, x - right) for y, x in centres) < 1


@pytest.mark.parametrize("segment", [otsu, local_threshold])
@pytest.mark.parametrize("image", [np.zeros((40, 40)), np.full((40, 40), 7, np.uint16)])
def test_an_even_image_has_no_cells(segment, image):
    assert segment(image).max() == 0


@pytest.mark.parametrize("segment", [otsu, local_threshold])
def test_noise_alone_has_no_cells_where_a_contrast_is_asked_for(segment):
    noise = np.random.default_rng(4).normal(100, 10, (80, 100))
    assert segment(noise).max() > 0
    assert segment(noise, min_contrast=50).max() == 0


def test_the_neck_decides_whether_two_are_one():
    deep, shallow = discs((40, 30, 12), (40, 50, 12)), discs((40, 36, 12), (40, 40, 12))
    assert split_touching(deep).max() == 2
    assert split_touching(deep, depth_px=20).max() == 1
    assert split_touching(shallow).max() == 1


def test_holes_belong_to_the_cell_and_specks_do_not_count():
    ring = discs((40, 40, 15)) & ~discs((40, 40, 5))
    ring[2, 2] = True
    labels = split_touching(ring)
    assert labels.max() == 1
    assert labels[40, 40] == 1
    assert labels[2, 2] == 0


@given(
    st.lists(st.tuples(st.integers(0, 79), st.integers(0, 99), st.integers(3, 14)), min_size=1, max_size=8),
    st.floats(0.1, 5),
)
def test_parts_cover_the_foreground_and_never_leave_it(circles, depth):
    foreground = discs(*circles)
    labels = split_touching(foreground, depth_px=depth, min_area_px=1)
    assert ((labels > 0) == ndimage.binary_fill_holes(foreground)).all()
    for label in range(1, labels.max() + 1):
        assert ndimage.label(labels == label, np.ones((3, 3)))[1] == 1, "a cell is in one piece"


@given(st.integers(1, 6))
def test_a_deeper_neck_is_asked_for_leaves_no_more_cells(seed):
    circles = np.random.default_rng(seed).uniform((0, 0, 4), (80, 100, 14), (10, 3))
    counts = [split_touching(discs(*circles), depth_px=depth).max() for depth in (0.2, 1, 3, 9)]
    assert counts == sorted(counts, reverse=True)


def test_small_ones_go_and_the_others_keep_their_order():
    labels = np.array([[3, 3, 3, 0, 7], [2, 2, 0, 0, 0]])
    assert without_small(labels, 2).tolist() == [[2, 2, 2, 0, 0], [1, 1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: otsu(np.zeros((2, 40, 40))), r"\(2, 40, 40\)"),
        (lambda: otsu(np.zeros((40, 40)), smooth_px=-1), "smooth_px"),
        (lambda: local_threshold(np.zeros((40, 40)), size_px=30), "size_px"),
        (lambda: split_touching(np.zeros((4, 4), bool), depth_px=0), "depth_px"),
        (lambda: split_touching(np.zeros((4, 4), bool), min_area_px=-1), "min_area_px must be 0 or more"),
        (lambda: otsu(np.zeros((40, 40)), smooth_px=np.inf), "smooth_px must be 0 or more, not inf"),
        (lambda: otsu(np.zeros((40, 40)), min_contrast=np.nan), "min_contrast must be 0 or more, not nan"),
        (lambda: local_threshold(np.zeros((40, 40)), contrast=np.nan), "contrast must be 0 or more, not nan"),
        (lambda: local_threshold(np.zeros((40, 40)), size_px=np.nan), "size_px must be odd"),
        (lambda: split_touching(np.zeros((4, 4))), "float64"),
    ],
)
def test_what_cannot_be_segmented_is_named(call, named):
    with pytest.raises(BadInputError, match=named):
        call()


def test_a_library_that_is_missing_is_named():
    with pytest.raises(ConfigError, match=r"install parfocal\[cells\]"):
        library("no_such_library.filters")


@pytest.mark.parametrize("seed", range(5))
def test_distances_to_the_background_are_those_of_scipy(seed):
    shape = (40 + seed, 60)
    foreground = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 2) > 0
    expected = ndimage.distance_transform_edt(foreground)
    np.testing.assert_allclose(distance_to_background(foreground), expected, atol=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_otsus_threshold_is_that_of_scikit_image(seed):
    rng = np.random.default_rng(seed)
    image = rng.normal(rng.uniform(-500, 500), 10.0 ** rng.integers(0, 5), (60, 50)).astype(np.float32)
    image[:20] += 3 * image.std()
    if seed % 2:
        image = image.round()
    assert otsu_threshold(image) == float(library("skimage.filters").threshold_otsu(image))


@pytest.mark.parametrize("is_upright", [True, False])
def test_what_is_split_does_not_depend_on_what_else_there_is(is_upright):
    pair = discs((20, 20, 8), (20, 34.5, 8), shape=(45, 60))
    alone = split_touching(pair)
    several = discs((60, 75, 7), (340, 75, 7), shape=(400, 90))
    several[60:340, 74:77] = True  # a long one: cut out side by side, they take more room than the image
    several[:45, :60] = several[-45:, -60:] = pair
    labels = split_touching(several if is_upright else several.T)
    labels = labels if is_upright else labels.T
    assert labels.max() == 6
    for part in (labels[:45, :60], labels[-45:, -60:]):
        for number in (1, 2):
            assert np.mean(part[alone == number] == np.bincount(part[alone == number]).argmax()) > 0.98
