"""The simulated sample: any part of it, at any time, is that part of the whole."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parfocal.devices.simulated.microscope.cells import CellField

FIELD = CellField(field_um=600.0, spacing_um=33.0, roam_um=6.0, seed=3)
PLACES = st.floats(-500.0, 500.0)


@given(PLACES, PLACES, st.floats(0.0, 400.0), st.floats(0.0, 1e5))
def test_a_part_of_the_field_is_that_part_of_the_whole(x, y, edge, time_s):
    whole = FIELD.within((-1e6, -1e6, 1e6, 1e6), time_s)
    assert len(whole) == len(FIELD)
    inside = (whole["x_um"] >= x) & (whole["x_um"] < x + edge)
    inside &= (whole["y_um"] >= y) & (whole["y_um"] < y + edge)
    assert np.array_equal(FIELD.within((x, y, x + edge, y + edge), time_s), whole[inside])


@given(st.floats(0.0, 1e5))
def test_no_cell_gets_farther_from_its_home_than_it_may(time_s):
    cells = FIELD.within((-1e6, -1e6, 1e6, 1e6), time_s)
    home = FIELD.within((-1e6, -1e6, 1e6, 1e6), 0.0)
    moved = np.hypot(cells["x_um"] - home["x_um"], cells["y_um"] - home["y_um"])
    assert moved.max() <= 12.0
