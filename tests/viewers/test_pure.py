"""Parts of viewers that need no process."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.streams import ImageFolder, ImageToken
from parfocal.viewers.display import Display, auto_levels, brightness_counts, changed, colour, shown_plane
from parfocal.viewers.live.marks import bar_length_um
from parfocal.viewers.outcomes import Outcomes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gama": 1.0}, "did you mean 'gamma'"),
        ({"gamma": 0.0}, "gamma must lie from 0.1 to 10"),
        ({"gamma": float("nan")}, "gamma"),
        ({"low": 5, "high": 5}, "low must be below high"),
        ({"colormap": "virdis"}, "did you mean 'viridis'"),
        ({"zoom": 0.0}, "zoom"),
        ({"contrast": "high"}, "contrast|Invalid enum"),
        ({"frozen": "yes"}, "frozen|bool"),
    ],
)
def test_a_display_that_cannot_be_is_refused(changes, words):
    with pytest.raises(BadInputError, match=words):
        changed(Display(), **changes)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=50))
def test_levels_go_up_whatever_the_image_holds(values):
    low, high = auto_levels(np.array(values, np.float32))
    assert np.isfinite([low, high]).all()
    assert low < high


@pytest.mark.parametrize(
    "image",
    [
        *(
            np.full(9, value, dtype)
            for dtype, value in (("f2", 60000), ("f4", 5e7), ("f8", 1e300), ("?", True))
        ),
        *(np.full(9, value, dtype) for dtype, value in (("u8", 2**64 - 1), ("i8", -(2**63)), ("u2", 0))),
        np.array([-1.7e308, 1.7e308]),
        np.array([5e7, 5e7 + 4], np.float32),
    ],
)
def test_every_pixel_is_in_the_histogram_of_an_image_however_even_it_is(image):
    counts, edges = brightness_counts(image, 128)
    assert counts.sum() == image.size
    assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8", "?"])
def test_every_number_type_has_colours(dtype):
    picture = colour(np.array([[0, 1], [1, 0]]).astype(dtype), Display(contrast="fixed", low=0, high=1))
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[0, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("scale", [1e30, 1e38, 3e38, 1e290, 1.7e308])
def test_numbers_of_any_size_have_colours(scale):
    image = scale * np.array([[-1, 0, 1], [-0.9, 0.9, np.nan]])
    picture = colour(image, Display())[..., 0]
    assert picture[0].tolist() == sorted(picture[0].tolist())
    assert picture[0, 0] < 20
    assert 100 < picture[0, 1] < 155
    assert picture[0, 2] > 235
    small = colour(image, Display(contrast="fixed", low=0, high=1))[..., 0]
    assert small[0].tolist() == [0, 0, 255]
    assert colour(image, Display(contrast="fixed", low=1.6e308, high=1.7e308))[..., 0].max() <= 255


def test_of_a_stack_the_last_plane_is_shown():
    stack = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(shown_plane(stack), stack[-1])
    rgba = np.zeros((5, 6, 4), np.uint8)
    assert shown_plane(rgba).shape == (5, 6, 3)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40))
def test_each_ticket_ends_once(history):
    outcomes, left = Outcomes(), {}
    for ticket in range(4):
        outcomes.expect(str(ticket), images=3)
        left[str(ticket)] = [3, ""]
    for ticket, fails in history:
        name = str(ticket)
        outcomes.settle(name, "why" if fails else "")
        if left[name][0] > 0 and not left[name][1]:
            left[name][0] -= 1
            left[name][1] = "failed: why" if fails else ("shown" if left[name][0] == 0 else "")
    for name, (_, told) in left.items():
        assert outcomes.wait(name, 0.0) == (told or None)
    assert outcomes.waiting == sum(not told for _, told in left.values())


@pytest.mark.parametrize("name", ["../x.image", "1-2.image", "", "1-zz-3.image", "1-ab-3.image/../x"])
def test_a_token_names_a_file_of_its_folder_or_none(tmp_path, name):
    images = ImageFolder(tmp_path / "images")
    with pytest.raises(BadInputError, match="names no image"):
        images.take(ImageToken(name=name, shape=(1,), dtype="u1"))


@pytest.mark.parametrize("dtype", [np.longdouble, complex, "U1"])
def test_numbers_that_no_window_paints_are_refused_before_they_are_sent(tmp_path, dtype):
    with pytest.raises(BadInputError, match="array of numbers"):
        ImageFolder(tmp_path / "images").put(np.ones((4, 4)).astype(dtype))


def test_a_token_that_lies_about_its_size_is_refused(tmp_path):
    images = ImageFolder(tmp_path / "images")
    token = images.put(np.zeros((4, 4), np.uint8))
    with pytest.raises(BadInputError, match="16 bytes, not 64"):
        images.take(ImageToken(name=token.name, shape=(8, 8), dtype="u1"))


def test_a_scale_bar_is_round():
    assert [bar_length_um(most) for most in (0.3, 3.0, 999.0, 1e6)] == [0.2, 2.0, 500.0, 5000.0]
