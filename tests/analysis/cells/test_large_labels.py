"""Labels may be numbers of any size, as those made of hashes: no step takes memory for all below."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.analysis.cells.masks import cells, part_of_cells, top_edge
from parfocal.analysis.cells.measure import measure
from parfocal.tracking.labelled import compact

SMALL = np.zeros((12, 16), np.int32)
SMALL[2:6, 2:5], SMALL[2:6, 9:14], SMALL[8:11, 4:9] = 1, 2, 4
LARGE = np.array([0, 7, 10**9, 0, 2**31 - 1], np.int32)[SMALL]
CHOSEN = np.array([True, False, True])
IMAGE = np.arange(SMALL.size, dtype=np.uint16).reshape(SMALL.shape)


@pytest.mark.parametrize("step", [cells, part_of_cells, top_edge])
@pytest.mark.parametrize("chosen", [None, CHOSEN])
def test_the_same_pixels_are_lit(step, chosen, monkeypatch):
    """A table of 2**31 places was made, and the mask came after 20 s, or never."""
    expected = step(SMALL, chosen)
    assert expected.any()
    monkeypatch.setattr(np, "bincount", small_tables(np.bincount))
    assert np.array_equal(step(LARGE, chosen), expected)


def test_cells_are_measured_alike(monkeypatch):
    expected = measure(SMALL, {"erk": IMAGE}, ring_px=2)
    monkeypatch.setattr(np, "bincount", small_tables(np.bincount))
    found = measure(LARGE, {"erk": IMAGE}, ring_px=2)
    assert found.pop("label").tolist() == [7, 10**9, 2**31 - 1]
    del expected["label"]
    for name, values in expected.items():
        assert np.array_equal(found[name], values, equal_nan=True), name


def test_a_cell_without_a_ring_has_no_ratio():
    labels = np.full((5, 5), 2)
    labels[2, 2] = 1  # surrounded by another cell
    found = measure(labels, {"erk": np.ones((5, 5))}, ring_px=2)
    assert np.isnan(found["ratio_erk"]).all()


def test_small_numbers_stay_as_they_are():
    numbered, names = compact(SMALL)
    assert numbered is SMALL
    assert names is None


def small_tables(bincount):
    """Refuse tables that are much larger than an image."""

    def count(values, *more, **options):
        assert max(values.max(initial=0), options.get("minlength", 0)) <= SMALL.size
        return bincount(values, *more, **options)

    return count
