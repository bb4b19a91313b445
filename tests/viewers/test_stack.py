"""Planes as one array that grows: checked against arrays of numpy, and by counting what is touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.viewers.stack import Stack


def plane(value=1, shape=(4, 5), dtype=np.uint16):
    return np.full(shape, value, dtype)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(1, 9)), min_size=1, max_size=30),
    st.data(),
)
def test_it_reads_as_the_array_of_all_its_planes(puts, data):
    stack, whole, height = Stack(), {}, 1
    for well, t, value in puts:
        image = plane(value, (1 + value % 3, 4))
        stack.put({"well": f"w{well}", "t": str(t)}, image)
        whole[f"w{well}", str(t)] = image
        height = len(image) if len(whole) == 1 else max(height, len(image))
    wells = list(dict.fromkeys(f"w{well}" for well, _, _ in puts))
    times = sorted({t for _, t, _ in puts})
    expected = np.zeros((len(wells), len(times), height, 4), np.uint16)
    for (well, t), image in whole.items():
        expected[wells.index(well), times.index(int(t)), : len(image)] = image
    assert stack.axes == ("well", "t")
    assert stack.coordinates == (tuple(wells), tuple(map(str, times)))
    assert (stack.shape, stack.dtype, stack.ndim) == (expected.shape, expected.dtype, 4)
    np.testing.assert_array_equal(np.asarray(stack), expected)
    part = st.one_of(st.just(slice(None)), st.just(slice(None, None, -1)), st.just(slice(1, 3)), st.just(0))
    key = data.draw(st.tuples(part, part, part))
    np.testing.assert_array_equal(stack[key], expected[key])
    np.testing.assert_array_equal(stack[..., 1], expected[..., 1])
    np.testing.assert_array_equal(stack[-1], expected[-1])


def test_a_plane_without_padding_is_the_one_that_was_put():
    stack, image = Stack(), plane()
    stack.put({"t": "0"}, image)
    stack.put({"t": "1"}, plane(2))
    assert stack.plane({"t": "0"}) is image
    assert np.shares_memory(stack[0], image)
    assert np.shares_memory(stack[0, 1:3], image)


def test_smaller_planes_lie_in_the_corner_or_in_the_middle():
    for padding, rows in (("corner", [1, 1, 0, 0]), ("centre", [0, 1, 1, 0])):
        stack = Stack(padding)
        stack.put({"well": "A"}, plane(1, (4, 4)))
        stack.put({"well": "B"}, plane(1, (2, 4)))
        assert stack[1][:, 0].tolist() == rows


def test_the_only_plane_decides_and_a_new_component_leaves_the_others_without_it():
    stack = Stack()
    stack.put({}, plane(1, (9, 9), np.float32))
    stack.put({}, plane(2, (3, 3), np.uint8))
    assert (stack.shape, stack.dtype) == ((3, 3), np.uint8)
    stack.put({"t": "5"}, plane(3, (3, 3), np.uint8))
    assert stack.coordinates == (("", "5"),)
    assert list(stack.indices()) == [{}, {"t": "5"}]
    assert stack[:, 0, 0].tolist() == [2, 3]


def test_colours_and_grey_do_not_mix():
    stack = Stack()
    stack.put({"t": "0"}, plane(1, (4, 5, 3), np.uint8))
    stack.put({"t": "1"}, plane(2, (4, 5, 3), np.uint8))
    with pytest.raises(BadInputError, match="grey or in colours"):
        stack.put({"t": "2"}, plane())
    assert stack.shape == (2, 4, 5, 3)


def test_a_removed_plane_goes_and_with_the_last_its_value():
    stack = Stack()
    for t in range(3):
        stack.put({"well": "A", "t": str(t)}, plane(t))
    stack.remove({"well": "A", "t": "0"})
    assert stack.coordinates == (("A",), ("1", "2"))
    assert stack.plane({"well": "A", "t": "0"}) is None
    with pytest.raises(BadInputError, match="no image has t '0'"):
        stack.position({"well": "A", "t": "0"})


@pytest.mark.parametrize("key", [5, (0, 0, 0, 0), (..., ...), (slice(None), 9)])
def test_what_is_out_of_bounds_is_refused_as_by_numpy(key):
    stack = Stack()
    stack.put({"t": "0"}, plane())
    with pytest.raises(IndexError):
        stack[key]


class Counted(dict):
    """Counts how often its values are looked at or walked through."""

    looks = 0

    def _count(self):
        Counted.looks += 1

    def __iter__(self):
        for key in super().__iter__():
            self._count()
            yield key

    def items(self):
        for item in super().items():
            self._count()
            yield item

    def __getitem__(self, key):
        self._count()
        return super().__getitem__(key)

    def get(self, key, default=None):
        self._count()
        return super().get(key, default)


def test_the_ten_thousandth_plane_touches_no_more_than_the_tenth():
    stack = Stack()
    stack.put({"t": "0"}, plane())
    axis = stack._axes[0]
    for holder, name in ((stack, "_planes"), (axis, "_keys"), (axis, "_planes")):
        setattr(holder, name, Counted(getattr(holder, name)))
    looks = []
    for t in range(1, 10_000):
        Counted.looks = 0
        stack.put({"t": str(t)}, plane())
        assert np.shares_memory(stack[t], stack.plane({"t": str(t)}))
        assert stack.position({"t": str(t)}) == (t,)
        assert stack.shape == (t + 1, 4, 5)
        looks.append(Counted.looks)
    assert looks[-1] == looks[9] < 20
