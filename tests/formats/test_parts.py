"""The images of a file or folder, each for itself: plates by a foreign writer, series, positions."""

import shutil

import numpy as np
import pytest
import tifffile
from yaozarrs import v04, v05

from parfocal.core.errors import MovieError
from parfocal.formats import parts_of

from .foreign_plates import IMAGE, write_plate


@pytest.mark.parametrize("version", [v04, v05], ids=["0.4", "0.5"])
def test_fields_of_a_foreign_plate_are_parts_with_well_and_site(version, tmp_path):
    folder = write_plate(tmp_path / "plate.ome.zarr", version)
    parts = list(parts_of(folder))
    places = [("A1", "0"), ("A1", "1"), ("A2", "0"), ("A2", "1"), ("B3", "0"), ("B3", "1")]
    assert [(part.well, part.site) for part in parts] == places
    last = parts[-1]
    assert (last.channels, last.facts.sizes, last.facts.pixel_size_um) == (("DAPI", "GFP"), (2,), 0.5)
    with last.open() as movie:
        np.testing.assert_array_equal([movie.read(0), movie.read(1)], IMAGE + 201)
        assert (movie.place_of(1), len(movie)) == ({"c": 1}, 2)


def test_a_broken_field_and_a_missing_well_are_parts_that_say_what_is_wrong(tmp_path):
    folder = write_plate(tmp_path / "plate.ome.zarr", v05)
    (folder / "A" / "1" / "1" / "zarr.json").write_text("{")
    shutil.rmtree(folder / "A" / "2")
    parts = list(parts_of(folder))
    assert [(part.well, part.site, bool(part.problem)) for part in parts] == [
        ("A1", "0", False), ("A1", "1", True), ("A2", "", True), ("B3", "0", False), ("B3", "1", False),
    ]  # fmt: skip
    assert "A/1/1: its metadata cannot be read" in parts[1].problem
    assert "A/2 does not exist" in parts[2].problem


def test_positions_of_an_ome_tiff_are_parts_by_name(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.ome.tif") as tiff:
        for name, planes in (("left", 3), ("right", 3)):
            tiff.write(np.zeros((planes, 5, 7), np.uint16), metadata={"axes": "TYX", "Name": name})
    parts = list(parts_of(tmp_path / "m.ome.tif"))
    assert [(part.position, part.facts.images) for part in parts] == [(0, 3), (1, 3)]
    assert [part.site for part in parts] == ["left", "right"]


def test_positions_of_unequal_shape_are_all_there(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.ome.tif") as tiff:
        for width in (7, 8, 9):
            tiff.write(np.full((2, 5, width), width, np.uint16), metadata={"axes": "TYX"})
    parts = list(parts_of(tmp_path / "m.ome.tif"))
    assert [part.facts.shape for part in parts] == [(5, 7), (5, 8), (5, 9)]
    with parts[2].open() as movie:
        assert movie.read(1).max() == 9


def test_a_file_of_one_image_is_one_part_without_a_site(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 7), np.uint8))
    (part,) = parts_of(tmp_path / "a.tif")
    assert (part.site, part.well, part.facts.axes) == ("", "", "")


def test_what_cannot_be_read_at_all_is_refused(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"no TIFF")
    with pytest.raises(MovieError, match=r"a\.tif"):
        list(parts_of(tmp_path / "a.tif"))
