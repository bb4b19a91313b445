"""The magnet's table: a falling curve through pairs, its inverse, and pairs that can be none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.analysis.force.magnet_table import MagnetTable
from parfocal.analysis.force.table_file import load_table, read_table, save_table
from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.simulated.forces import magnet_force_pn

HEIGHTS = np.linspace(0.0, 6e6, 9)


def two_magnets(height: float) -> float:
    """A pair of magnets: two decays."""
    return float(60 * np.exp(-height / 0.5e6) + 10 * np.exp(-height / 2e6))


@pytest.mark.parametrize("truth", [magnet_force_pn, two_magnets])
def test_the_curve_is_the_truth_between_the_pairs(truth):
    table = MagnetTable(HEIGHTS, [truth(height) for height in HEIGHTS])
    between = np.linspace(0.0, 6e6, 101)
    found = np.array([table.force_pn(height) for height in between])
    assert np.abs(found / [truth(height) for height in between] - 1).max() < 0.002
    assert table.spread < 0.001


def test_noise_of_measured_forces_is_smoothed_and_told():
    rng = np.random.default_rng(1)
    truth = np.array([magnet_force_pn(height) for height in HEIGHTS])
    table = MagnetTable(HEIGHTS, truth * (1 + 0.03 * rng.normal(size=9)))
    found = np.array([table.force_pn(height) for height in HEIGHTS])
    assert np.sqrt(np.mean((found / truth - 1) ** 2)) < 0.025
    assert 0.005 < table.spread < 0.06


@given(
    decay=st.floats(1e4, 1e8),
    contact=st.floats(1e-3, 1e3),
    part=st.floats(0.0, 1.0),
    noise=st.lists(st.floats(-0.05, 0.05), min_size=6, max_size=6),
)
def test_the_inverse_gives_the_force_back_whatever_was_measured(decay, contact, part, noise):
    heights = np.linspace(0.0, 3 * decay, 6)
    table = MagnetTable(heights, contact * np.exp(-heights / decay) * (1 + np.array(noise)))
    least, most = table.force_range_pn
    force = min(max(least + part * (most - least), least), most)
    height = table.height(force)
    assert table.covers(height)
    assert table.force_pn(height) == pytest.approx(force, rel=1e-6)


def test_pairs_come_in_any_order():
    order = np.random.default_rng(2).permutation(9)
    forces = np.array([magnet_force_pn(height) for height in HEIGHTS])
    assert MagnetTable(HEIGHTS[order], forces[order]) == MagnetTable(HEIGHTS, forces)


@pytest.mark.parametrize(
    ("heights", "forces", "why"),
    [
        ([0.0, 1.0], [2.0, 1.0], "3 heights or more"),
        ([0.0, 1.0, 2.0], [3.0, 2.0], "as many forces"),
        ([0.0, 1.0, 2.0], [3.0, -2.0, 1.0], r"-2.0 pN at 1.0"),
        ([0.0, 1.0, float("nan")], [3.0, 2.0, 1.0], "at nan"),
        ([0.0, 1.0, 1.0], [3.0, 2.0, 1.0], "1.0 has two forces"),
        ([0.0, 1.0, 2.0], [1.0, 2.0, 3.0], "falls with height"),
        ([0.0, 1.0, 2.0], [1e308, 1.0, 0.5], "1e\\+308 pN at 0.0 is beyond"),
        ([0.0, 1.0, 2.0], [2.0, 1.0, 1e-308], "1e-308 pN at 2.0 is beyond"),
        ([-1e308, 1.0, 1e308], [3.0, 2.0, 1.0], "at -1e\\+308 is beyond"),
        ([0.0, 1e-300, 2.0], [3.0, 2.0, 1.0], "0.0 has two forces"),
    ],
)
def test_what_can_be_no_table_is_refused(heights, forces, why):
    with pytest.raises(BadInputError, match=why):
        MagnetTable(heights, forces)


def test_a_force_that_was_never_measured_names_the_range():
    table = MagnetTable(HEIGHTS, [magnet_force_pn(height) for height in HEIGHTS])
    with pytest.raises(BadInputError, match=r"force_pn = 40.0 is outside of 0.36.* to 20 pN"):
        table.height(40.0)


def test_a_table_is_kept_and_read_as_text(tmp_path):
    table = MagnetTable(HEIGHTS, [magnet_force_pn(height) for height in HEIGHTS])
    assert load_table(tmp_path / "none.json") is None
    save_table(tmp_path / "kept" / "force.json", table)
    assert load_table(tmp_path / "kept" / "force.json") == table
    text = tmp_path / "measured.csv"
    lines = [f"{height};{force}" for height, force in zip(table.heights, table.forces_pn, strict=True)]
    text.write_text("height_nm; force_pn\n# by power spectra\n\n" + "\n".join(lines), "utf-8-sig")
    assert read_table(text) == table


def test_files_that_hold_no_table_say_so(tmp_path):
    (tmp_path / "broken.json").write_text('{"heights": [1.0]')
    with pytest.raises(DeviceError, match=r"broken\.json holds no table"):
        load_table(tmp_path / "broken.json")
    (tmp_path / "odd.txt").write_text("0 20\n1 ten\n2 5\n")
    with pytest.raises(BadInputError, match="line 2: '1 ten'"):
        read_table(tmp_path / "odd.txt")
    with pytest.raises(BadInputError, match=r"none\.txt can't be read"):
        read_table(tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(BadInputError, match="no pair"):
        read_table(tmp_path / "empty.txt")
