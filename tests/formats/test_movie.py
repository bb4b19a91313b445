"""What holds for movies of any format: random access, counts made of other values, wrong choices."""

import numpy as np
import pytest
import tifffile

from parfocal.core.errors import BadInputError, MovieError
from parfocal.formats import MovieOptions, open_movie


@pytest.fixture
def movie(tmp_path):
    tifffile.imwrite(
        tmp_path / "m.tif", np.arange(60, dtype=np.uint8).reshape(3, 4, 5), photometric="minisblack"
    )
    with open_movie(tmp_path / "m.tif") as opened:
        yield opened


def test_images_are_read_in_any_order(movie):
    for index in (2, 0, 1, 2):
        np.testing.assert_array_equal(movie.read(index), np.arange(20).reshape(4, 5) + 20 * index)
    assert repr(movie) == "<Movie 'm.tif': 3 images, uint8 (4, 5)>"


def test_what_is_not_there_is_refused(movie):
    with pytest.raises(BadInputError, match="has 3 images, no image 3"):
        movie.read(3)
    with pytest.raises(BadInputError, match="has 3 images, no image -1"):
        movie.read(-1)
    with pytest.raises(BadInputError, match=r"out must be uint8 \(4, 5\), not uint16 \(4, 5\)"):
        movie.read_into(0, np.empty((4, 5), np.uint16))


def test_a_movie_may_be_read_into_part_of_an_array(movie):
    whole = np.zeros((8, 10), np.uint8)
    movie.read_into(1, whole[::2, ::2])
    np.testing.assert_array_equal(whole[::2, ::2], movie.read(1))
    assert whole[1::2].max() == 0


@pytest.mark.parametrize(
    ("values", "options", "counts"),
    [
        (np.array([[0.0, 0.25], [0.5, 1.0]], np.float32), {"counts_per_unit": 1000}, [[0, 250], [500, 1000]]),
        (
            np.array([[-3, 0], [5, 300]], np.int16),
            {"counts_per_unit": 1, "counts_at_zero": 3},
            [[0, 3], [8, 303]],
        ),
        (np.array([[0, 1], [2, 70000]], np.uint32), {"counts_per_unit": 0.5}, [[0, 0], [1, 35000]]),
    ],
)
def test_other_values_become_counts_by_a_scale(values, options, counts, tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", values)
    with open_movie(tmp_path / "m.tif") as movie:
        np.testing.assert_array_equal(movie.read(0), values)
    with open_movie(tmp_path / "m.tif", MovieOptions(**options)) as movie:
        assert movie.dtype == np.uint16
        assert movie.read(0).tolist() == counts
        assert any("times the file's" in remark for remark in movie.facts.remarks)


@pytest.mark.parametrize("worst", [-0.1, 70.0, np.nan, np.inf])
def test_counts_are_never_clipped(worst, tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", np.array([[0.5, worst]], np.float32))
    with (
        open_movie(tmp_path / "m.tif", MovieOptions(counts_per_unit=1000)) as movie,
        pytest.raises(MovieError, match="image 0 cannot be read: its counts would reach from"),
    ):
        movie.read(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel": -1}, "channel counts from 0, not -1"),
        ({"frame_rate_hz": 0.0}, "frame_rate_hz must be positive and finite, not 0.0"),
        ({"pixel_size_um": float("nan")}, "pixel_size_um must be positive"),
        ({"counts_per_unit": -1.0}, "counts_per_unit must be positive"),
        ({"counts_at_zero": float("inf")}, "counts_at_zero must be finite"),
    ],
)
def test_wrong_choices_are_refused(options, message):
    with pytest.raises(BadInputError, match=message):
        MovieOptions(**options)


def test_a_choice_that_the_file_does_not_offer_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((3, 4, 5), np.uint8), photometric="minisblack")
    for word in ("channel", "position", "plane"):
        with pytest.raises(MovieError, match=f"1 {word}, no {word} 1"):
            open_movie(tmp_path / "m.tif", MovieOptions(**{word: 1}))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_nothing_stays_open_after_a_refusal(tmp_path):
    import gc
    import warnings

    (tmp_path / "m.tif").write_bytes(b"II*\0junk")
    with pytest.raises(MovieError):
        open_movie(tmp_path / "m.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()
