"""What the napari viewer slices, and where its sliders stand: without napari."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.viewers.annotations import Tracks
from parfocal.viewers.napari.alignment import Alignment
from parfocal.viewers.napari.annotation_layers import placed
from parfocal.viewers.napari.planes import Planes
from parfocal.viewers.panes import Pane
from parfocal.viewers.stack import Stack

VALUES = st.sampled_from(["0", "1", "2", "10", "A01", "B02"])
PUTS = st.lists(
    st.tuples(st.integers(0, 1), st.dictionaries(st.sampled_from("tzw"), VALUES, max_size=3)), max_size=20
)


def pane_of(stack, image=None):
    return Pane("p", image=np.zeros((2, 3), np.uint16) if image is None else image, stack=stack)


@given(PUTS)
def test_growing_by_planes_is_as_beginning_anew(puts):
    stacks, grown = [Stack(), Stack()], Alignment()
    for number, index in puts:
        stacks[number].put(index, np.zeros((2, 3), np.uint16))
        grown.update(stacks)
    anew = Alignment()
    anew.update(stacks)
    assert sorted(grown.axes) == sorted(anew.axes)
    for name in anew.axes:
        values = [anew.index(place_of(anew, name, at))[name] for at in range(length(anew, name))]
        assert {grown.position(name, value) for value in values} == set(range(length(grown, name)))


def length(alignment, name):
    return alignment.shape[alignment.axes.index(name)]


def place_of(alignment, name, at):
    return [at if axis == name else 0 for axis in alignment.axes]


@given(PUTS, st.data())
def test_a_window_shows_every_plane_where_it_belongs_and_zeros_elsewhere(puts, data):
    stacks = [Stack(), Stack()]
    for number, (which, index) in enumerate(puts, 1):
        stacks[which].put(index, np.full((2, 3), number, np.uint16))
    alignment = Alignment()
    alignment.update(stacks)
    for stack in stacks:
        if not stack.planes:
            continue
        planes = Planes(alignment, pane_of(stack))
        place = tuple(data.draw(st.integers(0, length - 1)) for length in alignment.shape)
        index = {name: value for name, value in alignment.index(place).items() if value}
        held = stack.plane(index)
        seen = planes[(*place, slice(None), slice(None))]
        assert (seen == (0 if held is None else held)).all()
        assert planes.shape == (*alignment.shape, 2, 3)
        np.testing.assert_array_equal(np.asarray(planes)[place], seen)


def test_planes_that_go_take_their_place_with_them():
    stack, alignment = Stack(), Alignment()
    for t in range(3):
        stack.put({"t": str(t)}, np.zeros((2, 3)))
    alignment.update([stack])
    stack.remove({"t": "1"})
    alignment.update([stack])
    assert (alignment.shape, alignment.position("t", "2"), alignment.position("t", "1")) == ((2,), 1, None)


@pytest.mark.parametrize("key", [0, -1, slice(1, None), (..., 0), (slice(None), 1), ([0, 2], slice(None), 1)])
def test_parts_are_those_of_the_whole_array(key):
    stack, alignment = Stack(), Alignment()
    for t in range(4):
        stack.put({"t": str(t)}, np.random.default_rng(t).integers(0, 99, (3, 5), np.uint16))
    alignment.update([stack])
    planes = Planes(alignment, pane_of(stack))
    np.testing.assert_array_equal(planes[key], np.stack([stack[t] for t in range(4)])[key])


def test_an_image_without_a_stack_is_the_same_everywhere():
    stack, alignment = Stack(), Alignment()
    stack.put({"t": "0"}, np.zeros((2, 3)))
    stack.put({"t": "1"}, np.zeros((2, 3)))
    alignment.update([stack])
    planes = Planes(alignment, pane_of(None, np.ones((4, 5), bool)))
    assert (planes.shape, planes.dtype) == ((2, 4, 5), np.uint8)
    assert (planes[1] == 1).all()


def test_tracks_lie_in_the_dimensions_of_the_window():
    tracks = Tracks("t", np.array([(1, 0, 5.0, 6.0), (1, 2, 7.0, 8.0), (2, 3, 1.0, 1.0)]))
    positions = {"0": 0, "2": 1}
    rows = placed(tracks, ("well", "t", "z"), lambda name, value: positions.get(value), (4, 1, 2))
    np.testing.assert_array_equal(rows, [(1, 0, 2, 5, 6), (1, 1, 2, 7, 8)])
    alone = placed(tracks, (), lambda name, value: None, ())
    np.testing.assert_array_equal(alone, tracks.rows)
