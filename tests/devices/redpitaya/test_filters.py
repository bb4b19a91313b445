import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya import filters


@given(st.lists(st.floats(5, 5e6), max_size=4), st.booleans())
def test_corners_come_back_within_a_factor_of_two(corners, high_pass):
    wanted = [-corner if high_pass else corner for corner in corners]
    word = filters.encode(wanted, stages=4, shifts=24)
    got = filters.decode(word, stages=4, shifts=24)[: len(wanted)]
    assert all(np.sign(a) == np.sign(b) and 0.5 < a / b < 2 for a, b in zip(got, wanted, strict=True))


def test_a_corner_out_of_reach_or_a_stage_too_many_is_refused():
    with pytest.raises(BadInputError, match=r"bandwidth_hz = 0.1 Hz is outside of"):
        filters.encode([0.1], stages=2, shifts=24, name="bandwidth_hz")
    with pytest.raises(BadInputError, match="2 stages"):
        filters.encode([1e3] * 3, stages=2, shifts=24)


def test_corners_that_exist_are_kept_exactly():
    for corner in filters.corners(24):
        word = filters.encode([corner], stages=1, shifts=24)
        assert filters.decode(word, stages=1, shifts=24) == (corner,)
