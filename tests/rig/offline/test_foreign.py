"""Images of an OME-Zarr that another library has written: analysed, and shown with their labels."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import zarr

import parfocal
from parfocal.app.browser.rows import ImageRow
from parfocal.app.browser.run_sending import whole_runs
from parfocal.rig.offline.reprocess import reprocess
from parfocal.rig.viewing import show_file

from .recorded import TIMES, cells_at

STEPS = "parfocal.testing.steps:"


def write(group: zarr.Group, array: np.ndarray, axes: str) -> None:
    """Write an image of one resolution, as OME-Zarr 0.5 has it, by zarr-python."""
    group.create_array("0", data=array)
    kinds = {"t": "time", "c": "channel"}
    named = [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0] * len(axes)}]}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": named, "datasets": datasets}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three squares that move, and what of the images is bright as labels."""
    images = np.stack([[cells_at(t, 0, c) for c in range(2)] for t in range(TIMES)])
    root = zarr.open_group(tmp_path / "cells.zarr", mode="w", zarr_format=3)
    write(root, images, "tcyx")
    labels = root.create_group("labels", attributes={"ome": {"version": "0.5", "labels": ["nuclei"]}})
    write(labels.create_group("nuclei"), (images[:, 0] > 100).astype(np.uint16), "tyx")
    return tmp_path / "cells.zarr"


def test_they_are_analysed_and_the_new_labels_name_them(folder: Path, tmp_path: Path) -> None:
    pipeline = {"segment": STEPS + "bright", "features": STEPS + "brightness", "channel": "0"}
    summary = reprocess(folder, pipeline, tmp_path / "again")
    assert (summary.outcome, summary.analysed, summary.cells) == ("complete", TIMES, TIMES)
    again, source = parfocal.open_run(tmp_path / "again"), parfocal.open_run(folder)
    assert np.array_equal(again.frames("labels").array(), source.frames("labels").array())
    assert {"mean_0", "mean_1"} <= set(again.tracks().dtype.names)
    assert again.manifest.plan["source"]["outcome"] == "unknown: written by another program"


def test_they_are_shown_with_their_labels_from_the_browser_too(folder: Path) -> None:
    shown: list[Any] = []
    viewer = SimpleNamespace(
        show=lambda image, layer, index: shown.append(index) or SimpleNamespace(state="waiting"),
        show_labels=lambda labels, layer, name, index, **_: shown.append((name, int(labels.max()), index)),
        components=lambda *_, **__: None,
    )
    assert show_file(folder, viewer).startswith(f"cells.zarr: {2 * TIMES} of {2 * TIMES} images")  # type: ignore[arg-type]
    assert shown[-1] == ("labels", 1, {"t": TIMES - 1, "p": 0})
    row = ImageRow(path=str(folder), source=str(folder), kind="OME-Zarr")
    assert [run.folder for run in whole_runs([row])] == [folder]
