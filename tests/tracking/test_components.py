"""Pieces of a foreground are those of scipy, with the same numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from parfocal.tracking.components import pieces

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))


def assert_as_scipy(foreground, corners):
    numbers, count = pieces(foreground, corners=corners)
    expected, expected_count = ndimage.label(foreground, np.ones((3, 3)) if corners else None)
    assert count == expected_count
    np.testing.assert_array_equal(numbers, expected)


@given(arrays(bool, SHAPES), st.booleans())
def test_small_ones_are_as_scipy_labels_them(foreground, corners):
    assert_as_scipy(foreground, corners)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("part", [0.05, 0.4, 0.6, 0.9])
def test_large_ones_are_as_scipy_labels_them(part, corners):
    assert_as_scipy(np.random.default_rng(2).random((150, 130)) < part, corners)
