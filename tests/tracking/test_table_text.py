"""Z tables as plain matrices: there and back, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.tracking import ZTableBuilder
from parfocal.tracking.simulation import bead_stack
from parfocal.tracking.table_text import matrix_of, tables_from_matrix
from parfocal.tracking.ztable import load_tables, save_tables


@pytest.fixture(scope="module")
def made():
    heights = np.arange(2000, 3001, 100)
    builder = ZTableBuilder(roi_px=48, n_beads=1)
    for z_nm, image in zip(heights, bead_stack(0.5, 0.1, heights, 48), strict=True):
        builder.add((1000 * image).astype(np.uint16), [(0, 0)], z_nm=float(z_nm))
    return builder.finish()


def test_a_table_comes_back_as_it_was(made):
    matrix = matrix_of(made)
    again = tables_from_matrix(matrix, roi_px=48)
    assert (again.first_nm, again.step_nm, again.last_nm) == (made.first_nm, made.step_nm, made.last_nm)
    radii = np.arange(1.0, 30.0, 0.5)
    for z_nm in (2150.0, 2500.0, 2830.0):
        assert again.profile(0, z_nm, radii) == pytest.approx(made.profile(0, z_nm, radii), abs=0.01)
    assert again.usable_nm[0] == pytest.approx(made.usable_nm[0], abs=100)


def test_all_tables_lie_in_memory_as_those_of_a_sweep(made, tmp_path):
    """In another order they would have compiled code made anew, half a minute in the middle of tracking."""
    tables = tables_from_matrix(matrix_of(made), roi_px=48)
    save_tables(tmp_path / "tables.npz", tables)
    beside = replace(tables, coefficients=np.asfortranarray(tables.coefficients))
    for each in (tables, load_tables(tmp_path / "tables.npz"), beside):
        assert each.coefficients.flags.c_contiguous
        assert each.hash == tables.hash


def test_heights_may_come_in_any_order_and_intensities_in_any_unit(made):
    matrix = matrix_of(made)
    other = matrix[:, ::-1] * np.r_[1.0, np.full(len(matrix) - 1, 250.0)][:, None]
    one, two = (tables_from_matrix(each, roi_px=48) for each in (matrix, other))
    assert two.coefficients == pytest.approx(one.coefficients, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda matrix: matrix[:3], "is no z table"),
        (lambda matrix: matrix[:, :2], "is no z table"),
        (lambda matrix: np.where(matrix == matrix[5, 3], np.nan, matrix), "not finite"),
        (lambda matrix: np.vstack([np.zeros(matrix.shape[1]), matrix[1:]]), "heights in nm"),
        (lambda matrix: np.vstack([matrix[0], -matrix[1:]]), "background"),
    ],
)
def test_what_is_no_table_is_refused(made, change, said):
    with pytest.raises(BadInputError, match=said):
        tables_from_matrix(change(matrix_of(made)), roi_px=48)
