import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.filters import Filter

FOUR = Filter(name="input_filter_hz", offset=0, stages=4, shifts=24)
TWO = Filter(name="bandwidth_hz", offset=0, bits=16, stages=2, shifts=24)


@given(st.lists(st.floats(5, 5e6), max_size=4), st.booleans())
def test_corners_come_back_within_a_factor_of_two(corners, high_pass):
    wanted = [-corner if high_pass else corner for corner in corners]
    got = FOUR.decode(FOUR.encode(wanted))[: len(wanted)]
    assert all(np.sign(a) == np.sign(b) and 0.5 < a / b < 2 for a, b in zip(got, wanted, strict=True))


def test_a_corner_out_of_reach_or_a_stage_too_many_is_refused():
    with pytest.raises(BadInputError, match=r"bandwidth_hz = 0.1 Hz is outside of"):
        TWO.encode([0.1])
    with pytest.raises(BadInputError, match="2 stages"):
        TWO.encode([1e3] * 3)


def test_corners_that_exist_are_kept_exactly():
    for shift in range(24):
        word = 0x80 | shift
        assert FOUR.encode(FOUR.decode(word)) == word
        assert FOUR.decode(word)[0] > 0
