"""OME-Zarr with labels and tables that libraries of others have written opens as a run, as far as it goes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
import zarr

import parfocal
from parfocal.core.errors import BadInputError
from parfocal.storage.foreign.run import ForeignRun

with warnings.catch_warnings():  # of classes that it uses itself
    warnings.simplefilter("ignore")
    import ome_zarr.writer
    from ome_zarr.format import FormatV04, FormatV05

pytestmark = pytest.mark.filterwarnings("ignore")
"""What those who write may be told of what they use is not ours."""

AXES = ["t", "c", "y", "x"]
IMAGES = np.arange(3 * 2 * 32 * 40, dtype=np.uint16).reshape(3, 2, 32, 40)
LABELS = np.zeros((3, 32, 40), np.int32)
LABELS[:, 4:12, 6:14], LABELS[:, 20:28, 22:36] = 1, 2
FORMATS = {"0.4": FormatV04(), "0.5": FormatV05()}


def write_image(folder: Path, version: str, *, labels: str = "nuclei") -> zarr.Group:
    """Write an image with two resolutions, and labels, by ome-zarr-py."""
    group = zarr.open_group(folder, mode="w", zarr_format=2 if version == "0.4" else 3)
    scale = (
        [{"type": "scale", "scale": [30.0, 1.0, 0.5, 0.5]}],
        [{"type": "scale", "scale": [30.0, 1.0, 1, 1]}],
    )
    units = [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "c", "type": "channel"},
        *({"name": name, "type": "space", "unit": "micrometer"} for name in "yx"),
    ]
    ome_zarr.writer.write_multiscale(
        [IMAGES, IMAGES[..., ::2, ::2]], group, axes=units, coordinate_transformations=scale,
        fmt=FORMATS[version], name="cells",
        metadata={"omero": {"channels": [{"label": "DAPI", "color": "0000FF", "window": WINDOW},
                                         {"label": "ERK", "color": "00FF00", "window": WINDOW}]}},
    )  # fmt: skip
    ome_zarr.writer.write_labels(
        LABELS, group, name=labels, axes=[units[0], *units[2:]], scaler=None, fmt=FORMATS[version],
        coordinate_transformations=[[{"type": "scale", "scale": [30.0, 0.5, 0.5]}]],
    )  # fmt: skip
    tell_axes(group, version, units)
    return group


def tell_axes(group: zarr.Group, version: str, axes: list[dict[str, str]]) -> None:
    """Have the image tell its axes with their units, which ome-zarr-py leaves out from 0.21 on."""
    told = group.attrs.asdict()
    image = told if version == "0.4" else told["ome"]
    image["multiscales"][0]["axes"] = axes
    group.attrs.put(told)


WINDOW = {"start": 0, "end": 9000, "min": 0, "max": 65535}
TRACKS = {
    "timestep": [0, 0, 1, 1], "label": [1, 2, 1, 2], "particle": [5, 6, 5, 6],
    "y": [7.5, 23.5, 7.5, 23.5], "x": [9.5, 28.5, 9.5, 28.5], "name": ["a", "b", "a", "b"],
}  # fmt: skip


def write_table(folder: Path, backend: str, told: dict[str, Any], version: int) -> None:
    """Write a table as ngio and Fractal do, in a group of Zarr that says what it is."""
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    group.attrs.update({"type": "feature_table", "backend": backend, "instance_key": "label"})
    if backend == "parquet":
        pyarrow.parquet.write_table(pyarrow.table(told), folder / "table.parquet")
    elif backend == "csv":
        pyarrow.csv.write_csv(pyarrow.table(told), folder / "table.csv")
    else:
        write_anndata(group, told)


def write_anndata(group: zarr.Group, told: dict[str, Any]) -> None:
    """Write what AnnData writes: floats in X, whole numbers and categories in obs, by zarr-python.

    The labels are its index, as text: ngio says beside it that they are numbers.
    """
    floats = [name for name, values in told.items() if isinstance(values[0], float)]
    group.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    group.attrs.update({"index_key": "label", "index_type": "int"})
    group.create_array("X", data=np.array([told[name] for name in floats], np.float32).T)
    var = group.create_group("var", attributes={"_index": "_index", "column-order": []})
    var.create_array("_index", shape=(len(floats),), dtype=str)[:] = np.array(floats)
    others = [name for name in told if name not in floats and name != "label"]
    obs = group.create_group("obs", attributes={"_index": "label", "column-order": others})
    obs.create_array("label", shape=(len(told["label"]),), dtype=str)[:] = np.array(
        [*map(str, told["label"])]
    )
    for name in others:
        if isinstance(told[name][0], str):
            known = sorted(set(told[name]))
            column = obs.create_group(name, attributes={"encoding-type": "categorical"})
            column.create_array("categories", shape=(len(known),), dtype=str)[:] = np.array(known)
            column.create_array("codes", data=np.array([known.index(one) for one in told[name]], np.int8))
        else:
            obs.create_array(name, data=np.array(told[name]))


@pytest.mark.parametrize("version", FORMATS)
def test_an_image_with_labels_has_the_indices_names_and_sizes_that_it_tells(
    version: str, tmp_path: Path
) -> None:
    write_image(tmp_path / "cells.zarr", version)
    run = parfocal.open_run(tmp_path / "cells.zarr")
    assert isinstance(run, ForeignRun)
    assert run.outcome == "unknown: written by another program"
    assert run.frames().indices == {"t": (0, 1, 2), "p": (0,), "c": (0, 1)}
    assert np.array_equal(run.frames(p=0, c="ERK").array(), IMAGES[:, 1])
    assert np.array_equal(run.frames(t=-1, p=0, c="DAPI").array(), IMAGES[2, 0])
    assert np.array_equal(run.frames("labels", p=0).array(), LABELS)
    assert run.pixel_size_um == 0.5
    assert [frame.header.time_ns for frame in run.frames(c=0)] == [0, 30_000_000_000, 60_000_000_000]
    missing = run.manifest.missing
    assert "when each was exposed, is not told" in missing["events"]
    assert missing["tracks"].startswith("no table")
    with pytest.raises(BadInputError, match="has no rows of a stream 'run_events'"):
        run.events()


@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize("backend", ["parquet", "csv", "anndata"])
def test_tables_of_ngio_and_fractal_are_rows(backend: str, version: str, tmp_path: Path) -> None:
    write_image(tmp_path / "cells.zarr", version)
    write_table(tmp_path / "cells.zarr" / "tables" / "nuclei", backend, TRACKS, 2 if version == "0.4" else 3)
    (tmp_path / "cells.zarr" / "tables" / "odd").mkdir()
    run = parfocal.open_run(tmp_path / "cells.zarr")
    tracks = run.tracks()
    assert tracks[["t", "label", "particle"]].tolist() == [(0, 1, 5), (0, 2, 6), (1, 1, 5), (1, 2, 6)]
    assert tracks["y_px"].tolist() == TRACKS["y"]
    assert tracks["name"].tolist() == TRACKS["name"]
    assert all(tracks[name].dtype.kind in "iu" for name in ("t", "p", "label", "particle"))
    assert "neither Parquet, CSV nor AnnData" in run.manifest.missing["table odd"]


def plate_wells(folder: Path, count: int) -> list[Path]:
    """Begin a plate with a row of wells, by ome-zarr-py; return where the field of each one goes."""
    names = [f"B/{column}" for column in range(1, count + 1)]
    plate = zarr.open_group(folder, mode="w", zarr_format=3)
    columns = [str(column) for column in range(1, count + 1)]
    ome_zarr.writer.write_plate_metadata(plate, ["B"], columns, names, fmt=FORMATS["0.5"])
    for name in names:
        ome_zarr.writer.write_well_metadata(plate.require_group(name), ["0"], fmt=FORMATS["0.5"])
    return [folder / name / "0" for name in names]


def write_plain(folder: Path, image: np.ndarray, axes: str) -> None:
    """Write an image without labels by ome-zarr-py."""
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    ome_zarr.writer.write_image(image, group, axes=axes, scaler=None, fmt=FORMATS["0.5"])


def test_a_plate_has_its_fields_as_positions_and_those_of_another_shape_are_named(tmp_path: Path) -> None:
    first, odd = plate_wells(tmp_path / "plate.zarr", 2)
    write_image(first, "0.5")
    write_plain(odd, IMAGES[0, 0], "yx")
    run = parfocal.open_run(tmp_path / "plate.zarr")
    assert run.manifest.streams["images"].stored == 6
    (told,) = (why for path, why in run.manifest.missing.items() if path.endswith("/B/2/0"))
    assert "others tc of (32, 40)" in told


def test_labels_and_tables_have_the_positions_of_their_images(tmp_path: Path) -> None:
    """One image has another shape, the next one no labels: they were those of the positions before."""
    first, odd, unlabelled, last = plate_wells(tmp_path / "plate.zarr", 4)
    write_plain(odd, IMAGES[0, 0], "yx")
    write_plain(unlabelled, IMAGES + 1, "tcyx")
    for well in (first, last):
        write_image(well, "0.5")
        write_table(well / "tables" / "nuclei", "parquet", TRACKS, 3)
    run = parfocal.open_run(tmp_path / "plate.zarr")
    assert run.frames().indices["p"] == run.frames("labels").indices["p"] == (0, 1, 2)
    assert np.array_equal(run.frames(p=1).array()[:, 1], IMAGES[:, 1] + 1)
    labels = run.frames("labels")
    assert np.array_equal(labels.array(), np.stack([LABELS, 0 * LABELS, LABELS], axis=1))
    assert labels.missing == [{"t": t, "p": 1} for t in range(3)]
    assert run.manifest.streams["labels"].stored == len(labels) == 6
    assert len(run.image_folders("labels")) == 3
    assert sorted(set(run.tracks()["p"].tolist())) == [0, 2]
    (told,) = (why for path, why in run.manifest.missing.items() if path.endswith("/B/3/0/labels/nuclei"))
    assert told.endswith("it is not there")


def test_labels_of_the_first_image_may_be_those_that_are_missing(tmp_path: Path) -> None:
    unlabelled, labelled = plate_wells(tmp_path / "plate.zarr", 2)
    write_plain(unlabelled, IMAGES, "tcyx")
    write_image(labelled, "0.5")
    run = parfocal.open_run(tmp_path / "plate.zarr")
    assert np.array_equal(run.frames("labels", p=1).array(), LABELS)
    assert not run.frames("labels", p=0).array().any()


def test_the_layout_of_faro_is_known_positions_along_p_labels_and_tracks_of_each(tmp_path: Path) -> None:
    """As its pages tell: one array (t, p, c, y, x), labels beside it, a file of tracks for each position."""
    store = zarr.open_group(tmp_path / "acquisition.ome.zarr", mode="w", zarr_format=3)
    both = np.stack([IMAGES, IMAGES + 1], axis=1)

    def write(group: zarr.Group, array: np.ndarray, axes: str) -> None:
        group.create_array("0", data=array)
        named = [
            {"name": axis, "type": {"t": "time", "c": "channel", "p": "other"}.get(axis, "space")}
            for axis in axes
        ]
        scale = [{"type": "scale", "scale": [1.0] * len(axes)}]
        datasets = [{"path": "0", "coordinateTransformations": scale}]
        group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": named, "datasets": datasets}]}

    write(store, both, "tpcyx")
    labels = store.create_group(
        "labels", attributes={"ome": {"version": "0.5", "labels": ["labels", "stim_mask"]}}
    )
    for name in ("labels", "stim_mask"):
        write(labels.create_group(name), np.stack([LABELS, LABELS], axis=1).astype(np.uint16), "tpyx")
    (tmp_path / "tracks").mkdir()
    for p in range(2):
        table = pyarrow.table({**TRACKS, "area": [64.0 + p] * 4})
        pyarrow.parquet.write_table(table, tmp_path / "tracks" / f"{p:03d}_latest.parquet")
    run = parfocal.open_run(tmp_path)
    assert run.frames().indices == {"t": (0, 1, 2), "p": (0, 1), "c": (0, 1)}
    assert np.array_equal(run.frames(p=1, c=0).array(), IMAGES[:, 0] + 1)
    assert np.array_equal(run.frames("labels", p=1).array(), LABELS)
    assert np.array_equal(run.frames("stim_mask", p=0, t=0).array(), LABELS[0])
    tracks = run.tracks()
    assert tracks[tracks["p"] == 1]["area"].tolist() == [65.0] * 4
    assert len(tracks) == 8


def test_our_own_images_are_not_taken_for_those_of_others(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "frames.ome.zarr", mode="w", zarr_format=3)
    group.attrs["parfocal"] = {}
    with pytest.raises(BadInputError, match="is not the folder of a run"):
        parfocal.open_run(tmp_path / "frames.ome.zarr")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="is not the folder of a run"):
        parfocal.open_run(tmp_path / "empty")
