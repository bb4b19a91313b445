"""A folder of everything, read by a real process: plates, series, runs, and what is broken."""

import os
import signal

import numpy as np
import psutil
import pytest
import tifffile
from yaozarrs import v04, v05

from parfocal.app.browser.arrangement import RowChoice
from parfocal.app.browser.catalogue import Catalogue
from parfocal.app.browser.columns import BY_NAME
from parfocal.core.clock import poll_until

from ...formats.foreign_plates import write_plate

PATIENCE_S = 60.0


def texts(row, *columns):
    return tuple(BY_NAME[column].text(row) for column in columns)


def is_settled(catalogue):
    snapshot = catalogue.snapshot
    return snapshot.rows and not snapshot.progress.unread and not snapshot.progress.unlisted


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_plate(root / "old.zarr", v04, wells=("A/1", "B/3"), fields=1)
    write_plate(root / "new.zarr", v05, wells=("A/1", "C/12"), fields=1)
    (root / "series").mkdir()
    for t in range(3):
        tifffile.imwrite(root / "series" / f"exp_B02_s1_t{t:03d}.tif", np.full((6, 8), t, np.uint16))
    np.save(root / "many_t2.npy", np.zeros((3, 6, 8), np.uint16))
    np.save(root / "stack.npy", np.zeros((4, 6, 8), np.uint16))
    (root / "broken.tif").write_bytes(b"no TIFF at all")
    (root / "other.nd2").write_bytes(b"another maker's")
    (root / "notes.txt").write_text("no image")
    return root


@pytest.fixture(scope="module")
def catalogue(folder, shared_roots):
    made = Catalogue(str(folder), looks_again_s=float("inf"))
    made.start()
    yield made
    made.close()


def shown(catalogue, is_there):
    """Return the rows by name once something holds of them."""
    assert poll_until(
        lambda: is_settled(catalogue) and is_there({row.name: row for row in catalogue.snapshot.rows}),
        PATIENCE_S,
    ), catalogue.snapshot
    return {row.name: row for row in catalogue.snapshot.rows}


def test_everything_in_a_folder_is_a_row(catalogue):
    rows = shown(catalogue, lambda rows: "stack.npy" in rows and rows["stack.npy"].is_read)
    assert set(rows) == {
        "old.zarr/A/1/0", "old.zarr/B/3/0", "new.zarr/A/1/0", "new.zarr/C/12/0",
        "stack.npy", "many_t2.npy", "broken.tif", "other.nd2", *(f"exp_B02_s1_t00{t}.tif" for t in range(3)),
    }  # fmt: skip
    for plate in ("old.zarr/B/3/0", "new.zarr/A/1/0"):
        assert texts(rows[plate], "kind", "channel", "shape", "pixel") == (
            "OME-Zarr",
            "DAPI, GFP",
            "10 \u00d7 8",
            "0.5 µm",
        )
    assert texts(rows["old.zarr/B/3/0"], "well", "site") == ("B03", "0")
    assert texts(rows["exp_B02_s1_t002.tif"], "well", "site", "t", "dtype") == ("B02", "1", "2", "uint16")
    assert texts(rows["stack.npy"], "kind", "t") == ("NumPy", "4 times")
    assert texts(rows["many_t2.npy"], "t") == ("3 times",)
    assert "cannot be read: not a TIFF file" in texts(rows["broken.tif"], "outcome")[0]
    assert "save it as OME-TIFF" in texts(rows["other.nd2"], "outcome")[0]
    assert catalogue.snapshot.wells == {"A01": 2, "B03": 1, "C12": 1, "B02": 3}
    kinds = {os.path.basename(one.path): one.kind for one in catalogue.snapshot.folders}
    assert kinds == {
        os.path.basename(catalogue.root): "",
        "old.zarr": "OME-Zarr",
        "new.zarr": "OME-Zarr",
        "series": "",
    }


def test_a_choice_shows_others(catalogue, folder):
    shown(catalogue, lambda rows: "stack.npy" in rows)
    catalogue.choose(RowChoice(folder=str(folder / "series"), sort="t", descending=True))
    rows = shown(catalogue, lambda rows: len(rows) == 3)
    assert [row.t for row in rows.values()] == ["2", "1", "0"]
    catalogue.choose(RowChoice(search="well:=A01"))
    assert set(shown(catalogue, lambda rows: len(rows) == 2)) == {"old.zarr/A/1/0", "new.zarr/A/1/0"}
    catalogue.choose(RowChoice())
    shown(catalogue, lambda rows: len(rows) == 11)


def test_what_comes_changes_and_goes_is_seen(catalogue, folder):
    tifffile.imwrite(folder / "series" / "late_t7.tif", np.zeros((3, 4), np.uint8))
    catalogue.rescan()
    rows = shown(catalogue, lambda rows: "late_t7.tif" in rows and rows["late_t7.tif"].is_read)
    assert texts(rows["late_t7.tif"], "t", "shape") == ("7", "4 \u00d7 3")
    tifffile.imwrite(folder / "series" / "late_t7.tif", np.zeros((30, 40), np.uint8))
    catalogue.rescan()
    shown(catalogue, lambda rows: rows["late_t7.tif"].shape == (30, 40))
    os.remove(folder / "series" / "late_t7.tif")
    catalogue.rescan()
    shown(catalogue, lambda rows: "late_t7.tif" not in rows)


def test_a_reader_that_is_killed_is_started_again(catalogue, folder):
    shown(catalogue, lambda rows: True)
    for child in psutil.Process().children():
        if "parfocal.app.browser.worker" in child.cmdline():
            child.send_signal(signal.SIGKILL)
    tifffile.imwrite(folder / "series" / "later_t8.tif", np.zeros((3, 4), np.uint8))
    catalogue.rescan()
    rows = shown(catalogue, lambda rows: "later_t8.tif" in rows and rows["later_t8.tif"].is_read)
    assert len(rows) == 12
