"""NumPy's files: every image of every array, or what is wrong."""

import numpy as np
import pytest

from parfocal.core.errors import MovieError
from parfocal.formats import MovieOptions, open_movie

STACK = (np.arange(2 * 3 * 5 * 7, dtype=np.uint16) * 37 % 4096).reshape(2, 3, 5, 7)


def read(path, **options):
    with open_movie(path, MovieOptions(**options)) as movie:
        return np.stack([movie.read(index) for index in range(len(movie))]), movie.facts


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "i2", "f4", "<f8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_of_any_type_is_read_whole(dtype, order, tmp_path):
    array = np.asarray(STACK, dtype=dtype, order=order)
    np.save(tmp_path / "m.npy", array)
    images, facts = read(tmp_path / "m.npy")
    np.testing.assert_array_equal(images, array.reshape(6, 5, 7))
    assert (facts.images, facts.shape, facts.axes, facts.format) == (6, (5, 7), "tq", "NumPy array")


def test_one_image_is_a_movie_of_one(tmp_path):
    np.save(tmp_path / "m.npy", STACK[1, 2])
    np.testing.assert_array_equal(read(tmp_path / "m.npy")[0], STACK[1, 2][None])


def test_arrays_of_an_archive_are_positions_by_name(tmp_path):
    np.savez_compressed(tmp_path / "m.npz", left=STACK[0], right=STACK[1], times=np.arange(3.0))
    images, facts = read(tmp_path / "m.npz", position="all")
    np.testing.assert_array_equal(images, STACK.reshape(6, 5, 7))
    assert facts.unread == ("array times (3,) float64",)


def test_arrays_of_unequal_shape_are_chosen_one_by_one(tmp_path):
    np.savez(tmp_path / "m.npz", a=STACK[0], b=STACK[0, :, :4])
    assert "(3, 4, 7) uint16: array 1" in read(tmp_path / "m.npz")[1].unread[0]
    np.testing.assert_array_equal(read(tmp_path / "m.npz", position=1)[0], STACK[0, :, :4])
    with pytest.raises(MovieError, match="differ in shape"):
        open_movie(tmp_path / "m.npz", MovieOptions(position="all"))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros(7), "it holds no image: an array"),
        (np.zeros((3, 3), complex), "it holds no image"),
        (np.array([["a", "b"]]), "it holds no image"),
        (np.array([[{}]], dtype=object), "it holds no image"),
    ],
)
def test_what_is_no_image_is_refused_without_being_unpickled(array, said, tmp_path):
    np.save(tmp_path / "m.npy", array, allow_pickle=True)
    with pytest.raises(MovieError, match=said):
        open_movie(tmp_path / "m.npy")


@pytest.mark.parametrize("name", ["m.npy", "m.npz"])
@pytest.mark.parametrize("content", [b"", b"none of NumPy's", b"PK\x03\x04"])
def test_a_foreign_file_is_named(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MovieError, match=name):
        open_movie(tmp_path / name)


def test_a_cut_file_says_so_for_the_images_that_are_missing(tmp_path):
    np.save(tmp_path / "m.npy", STACK[0])
    whole = (tmp_path / "m.npy").read_bytes()
    (tmp_path / "m.npy").write_bytes(whole[:-20])
    with open_movie(tmp_path / "m.npy") as movie:
        np.testing.assert_array_equal(movie.read(1), STACK[0, 1])
        with pytest.raises(MovieError, match="image 2 cannot be read: the file ends 20 bytes before"):
            movie.read(2)
