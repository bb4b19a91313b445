"""A table belongs to the bead that it was made for, whatever became of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parfocal.analysis.beads.fitting import NO_BEAD, beads_of
from parfocal.analysis.beads.rois import RoiSet
from parfocal.core.errors import BadInputError, CommandError
from parfocal.tracking import ZTables, load_tables, save_tables

FILE = Path("tables.npz")
PLACES = [(60.0, 60.0), (160.0, 60.0), (260.0, 60.0)]


def tables(*beads, count=None):
    number = len(beads) if count is None else count
    contrast = np.ones((number, 8, 48), np.float32) * np.arange(number)[:, None, None]
    return ZTables(contrast, 64, 0.0, 100.0, np.zeros((number, 2)), np.ones(number), beads=beads)


def field(*places):
    return RoiSet(roi_px=64, width_px=320, height_px=320).added(places or PLACES)


OWN = tuple((n, *place) for n, place in enumerate(PLACES))


def test_tables_follow_their_beads_not_their_order():
    changed = field().removed(0).added([(60.0, 260.0)])
    assert beads_of(tables(*OWN), changed, FILE) == (NO_BEAD, 1, 2)
    assert beads_of(tables(*OWN), field(*reversed(PLACES)), FILE) == (2, 1, 0)
    assert beads_of(tables(*OWN), changed.renumbered(), FILE) == (NO_BEAD, 0, 1)


def test_a_bead_that_drifted_a_little_is_still_itself_and_none_gets_two():
    near = field((70.0, 60.0), (75.0, 60.0), (260.0, 66.0))
    assert beads_of(tables(*OWN), near, FILE) == (0, NO_BEAD, 2)
    assert beads_of(tables(*OWN, (3, 61.0, 60.0)), near, FILE) == (0, NO_BEAD, 2, 1)


def test_tables_of_other_beads_are_refused():
    with pytest.raises(BadInputError, match="none of the 3 regions lies where theirs did"):
        beads_of(tables(*OWN), field((60.0, 260.0), (160.0, 260.0), (260.0, 260.0)), FILE)


def test_tables_that_do_not_know_their_beads_are_counted_off_or_refused():
    assert beads_of(tables(count=3), field(), FILE) == (0, 1, 2)
    with pytest.raises(BadInputError, match="2 tables, but there are 3 beads"):
        beads_of(tables(count=2), field(), FILE)
    assert beads_of(tables(count=1), field(), FILE) == ()
    with pytest.raises(BadInputError, match="2 tables cannot be those of 3 beads"):
        ZTables(tables(count=2).coefficients, 64, 0.0, 100.0, np.zeros((2, 2)), np.ones(2), beads=OWN)


def test_whose_tables_they_are_is_kept_in_their_file(tmp_path):
    digest = save_tables(tmp_path / "a.npz", tables(*OWN))
    loaded = load_tables(tmp_path / "a.npz")
    assert loaded.beads == OWN
    assert loaded.hash == digest == tables(count=3).hash
    some = loaded.only([2, 0], [(7, 1.0, 2.0), (8, 3.0, 4.0)])
    assert some.coefficients[:, 0, 0].tolist() == [2.0, 0.0]
    assert some.beads == ((7, 1.0, 2.0), (8, 3.0, 4.0))


def test_a_bead_removed_and_one_added_leave_the_others_their_tables(rig, tmp_path):
    tracker = rig().client("tracker")
    tracker.call("add_rois", PLACES)
    save_tables(tmp_path / "made.npz", tables(*OWN))
    tracker.call("load_tables", str(tmp_path / "made.npz"))
    tracker.call("remove_roi", 0)
    tracker.call("add_roi", 60.0, 260.0)
    tracker.call("save_rois", str(tmp_path / "rois.json"))
    tracker.call("save_tables", str(tmp_path / "tables.npz"))
    tracker.call("clear_rois")
    tracker.call("load_rois", str(tmp_path / "rois.json"))
    tracker.call("load_tables", str(tmp_path / "tables.npz"))
    assert tracker.call("state")["tables"]["beads"] == [1, 2]
    assert load_tables(tmp_path / "tables.npz").coefficients[:, 0, 0].tolist() == [1.0, 2.0]
    tracker.call("clear_rois")
    tracker.call("add_rois", [(200.0, 260.0), (100.0, 260.0)])
    with pytest.raises(CommandError, match="tables of other beads"):
        tracker.call("load_tables", str(tmp_path / "tables.npz"))
    assert tracker.call("state")["tables"]["beads"] == []
