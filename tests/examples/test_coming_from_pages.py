"""The pages "coming from ...": their commands and their Python, as a newcomer would type them."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import tifffile
import zarr

from parfocal.cli.app import run
from parfocal.tracking.simulation import add_noise, bead_stack, render

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def typed(page: str, number: int) -> list[str]:
    (line,) = blocks(page, "sh")[number].splitlines()
    return shlex.split(line)[1:]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which one works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("again", None)


def write_experiment(folder: Path) -> None:
    """Write what faro writes, as its pages tell: an array (t, p, c, y, x), a table for each position."""
    group = zarr.open_group(folder / "acquisition.ome.zarr", mode="w", zarr_format=3)
    group.create_array("0", data=np.full((2, 2, 1, 16, 16), 500, np.uint16))
    axes = [{"name": name, "type": kind} for name, kind in zip("tpcyx", AXES, strict=True)]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0] * 5}]}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    (folder / "tracks").mkdir()
    for p in range(2):
        columns = {"timestep": [0, 1], "label": [1, 1], "particle": [0, 0], "y": [3.0, 3.0], "x": [4.0, 5.0]}
        pyarrow.parquet.write_table(pyarrow.table(columns), folder / "tracks" / f"{p:03d}_latest.parquet")


AXES = ("time", "other", "channel", "space", "space")


def test_from_faro_a_plan_is_checked_and_an_experiment_is_read_and_analysed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = "coming-from-faro.md"
    (folder / "erk.yaml").write_text(blocks(page, "yaml")[0])
    assert run(typed(page, 0)) == 0
    assert "parfocal.analysis.cells.masks:cells" in capsys.readouterr().out
    write_experiment(folder / "experiment")
    told = io.StringIO()
    with redirect_stdout(told):
        exec(compile(blocks(page, "python")[0], page, "exec"), {})
    assert told.getvalue().splitlines()[0] == "{'t': (0, 1), 'p': (0, 1), 'c': (0,)}"
    assert told.getvalue().splitlines()[1].startswith("4 rows; ['events', 'manifest']")
    (folder / "again.py").write_text("pipeline = {'segment': 'parfocal.testing.steps:bright'}\n")
    assert run(typed(page, 1)) == 0
    assert (folder / "experiment-again" / "manifest.json").is_file()


def test_from_pymodaq_a_scan_is_checked_and_kinds_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = "coming-from-pymodaq.md"
    (folder / "scan.yaml").write_text(blocks(page, "yaml")[0])
    assert run(typed(page, 0)) == 0
    assert "18, 18 images" in capsys.readouterr().out
    assert run(typed(page, 1)) == 0
    assert "Runs a stage" in capsys.readouterr().out


@pytest.mark.slow
def test_from_magscope_a_script_is_checked_and_movies_are_tracked(folder: Path) -> None:
    page = "coming-from-magscope.md"
    (folder / "pull.py").write_text(blocks(page, "python")[0])
    assert run(typed(page, 0)) == 0
    (folder / "day1").mkdir()
    frame = np.full((128, 160), 1.0, np.float32)
    render(frame, bead_stack(0.525, 0.1, [2500.0], 80), np.array([70.0]), np.array([64.0]), np.zeros(1))
    images = [add_noise(frame * np.float32(4000), read_noise_e=5.0, seed=number) for number in range(3)]
    for name in ("a", "b"):
        tifffile.imwrite(folder / "day1" / f"{name}.tif", np.stack(images), photometric="minisblack")
    assert run(typed(page, 1)) == 0
    assert len(list((folder / "runs").iterdir())) == 2


@pytest.mark.parametrize("page", ["coming-from-faro.md", "coming-from-magscope.md", "coming-from-pymodaq.md"])
def test_what_a_page_refers_to_is_there(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (DOCS / target).is_file(), target
    for address in re.findall(r"parfocal\.analysis\.cells\.(\w+):(\w+)", text):
        module, name = address
        assert re.search(rf"^(def|class) {name}\b", source_of(module), flags=re.MULTILINE), address


def source_of(module: str) -> str:
    cells = DOCS.parent / "src" / "parfocal" / "analysis" / "cells"
    return (cells / f"{module}.py").read_text(encoding="utf-8")
