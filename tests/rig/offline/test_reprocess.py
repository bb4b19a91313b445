"""The images of a record, analysed again by processes here: what the steps find, and nothing hidden."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaozarrs

import parfocal
from parfocal.app.browser.reading import rows_of
from parfocal.app.browser.rows import ImageRow
from parfocal.app.napari_plugin.reading import run_layers
from parfocal.core.errors import AlreadyExistsError, BadInputError
from parfocal.rig.export import export_run
from parfocal.rig.job import JobProgress
from parfocal.rig.offline.reprocess import ReprocessSummary, reprocess
from parfocal.rig.plot import plot_run
from parfocal.rig.viewing import show_file
from parfocal.runs import Pipeline
from parfocal.runs.pipeline.messages import AnalysisJob
from parfocal.runs.pipeline.running import PipelineRunner
from parfocal.storage.manifest import read_manifest
from parfocal.viewers.annotations import Labels
from parfocal.viewers.layers import index_of

from .recorded import PLACES, SPEC, TIMES, cells_at

STEPS = "parfocal.testing.steps:"


class Done(NamedTuple):
    """What it came to, how far it said that it was, and the folder of the new record."""

    summary: ReprocessSummary
    told: list[JobProgress]
    out: Path


PIPELINE = Pipeline(
    segment="parfocal.testing.steps:quarters",
    features=STEPS + "brightness",
    track=STEPS + "ByLabel",
    choose=STEPS + "even",
    stimulate=STEPS + "chosen_cells",
    channel="red",
)


@pytest.fixture(scope="module")
def done(record: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The record, analysed by two processes."""
    out, told = tmp_path_factory.mktemp("out") / "deep" / "again", []
    return Done(reprocess(record, PIPELINE, out, workers=2, report=told.append), told, out)


def test_what_is_found_is_what_the_steps_find_in_each_image_in_its_order(record: Path, done: Done) -> None:
    summary, told = done.summary, done.told
    assert (summary.outcome, summary.analysed, summary.failed) == ("complete", TIMES * PLACES, 0)
    assert (summary.positions, told[-1].fraction, told[-1].run) == (PLACES, 1.0, str(done.out))
    assert any("is 'incomplete: lost 1'" in warning for warning in summary.warnings), "that of its source"

    again, source = parfocal.open_run(done.out), parfocal.open_run(record)
    tracks, labels, masks = again.tracks(), again.frames("labels"), again.frames("masks")
    assert (set(tracks["position"]), set(tracks["phase"])) == ({"left", "right"}, {"light"})
    for p in range(PLACES):
        runner, link = PipelineRunner(PIPELINE), None
        for t in range(TIMES):
            found_labels, found_mask = np.zeros(SPEC.shape, np.int32), np.zeros(SPEC.shape, np.uint8)
            images = {"red": cells_at(t, p, 1), "green": cells_at(t, p, 0)}
            if not len(source.frames(t=t, p=p, c="green")):  # it was lost
                del images["green"]
            job = AnalysisJob(images=(), t=t, p=p, link=link)
            found = runner.run(job, images, {}, found_labels, found_mask)
            link = found.link
            rows = tracks[(tracks["t"] == t) & (tracks["p"] == p)]
            assert rows["particle"].tolist() == found.columns["particle"].tolist()
            assert rows["mean_red"].tolist() == found.columns["mean_red"].tolist()
            assert rows["chosen"].tolist() == found.columns["chosen"].tolist()
            assert np.array_equal(labels.plane({"t": t, "p": p}), found_labels)
            assert np.array_equal(masks.plane({"t": t, "p": p}), found_mask)


def test_its_record_names_its_source_and_its_labels_the_images_they_label(record: Path, done: Done) -> None:
    out = done.out
    manifest = parfocal.open_run(out).manifest
    source = manifest.plan["source"]
    assert (out / source["folder"]).resolve() == record
    assert len(source["manifest_sha256"]) == len(manifest.plan["pipeline"]["segment"]["source"]) == 64
    assert {"parfocal", "numpy", "python"} <= set(manifest.versions)
    for p in range(PLACES):
        image = out / "labels.ome.zarr" / str(p)
        yaozarrs.validate_zarr_store(str(image))
        label = yaozarrs.open_group(str(image)).ome_metadata().image_label
        assert (image / label.source.image).resolve() == record / "frames.ome.zarr" / str(p)
    yaozarrs.validate_zarr_store(str(out / "labels.ome.zarr"))


def test_it_opens_with_the_images_of_its_source_which_are_not_copied(record: Path, done: Done) -> None:
    again, source = parfocal.open_run(done.out), parfocal.open_run(record)
    assert not (done.out / "frames.ome.zarr").exists()
    assert list(again.streams("frames")) == ["camera", "labels", "masks"]
    assert again.frames().missing == source.frames().missing
    for mine, theirs in zip(again.frames(), source.frames(), strict=True):
        assert (mine.index, mine.header) == (theirs.index, theirs.header)
        assert np.array_equal(mine.data, theirs.data)
    assert again.image_folders() == source.image_folders()
    assert again.image_folders("labels")[0] == done.out / "labels.ome.zarr" / "0"
    assert again.manifest.warnings == read_manifest(done.out).warnings
    assert set(read_manifest(done.out).streams) == {"tracks", "labels", "masks"}
    once_more = reprocess(done.out, PIPELINE, done.out.parent / "once more")
    assert once_more.source == str(record)


def test_cells_that_are_shown_are_picked_by_the_numbers_of_their_particles(done: Done) -> None:
    shown: list[Labels] = []
    viewer = SimpleNamespace(
        show=lambda *_: SimpleNamespace(state="waiting"),
        show_labels=lambda labels, layer, name, index, **how: shown.append(
            Labels(name, labels, index_of(index), **how)
        ),
        show_tracks=lambda *_: None,
        components=lambda *_, **__: None,
    )
    show_file(done.out, viewer)  # type: ignore[arg-type]
    particles: set[int] = set()
    for labels in (one for one in shown if one.pickable):
        particles |= {labels.picked_as(area) for area in np.unique(labels.image).tolist() if area > 0}
    tracks = parfocal.open_run(done.out).tracks()
    assert particles == set(tracks["particle"].tolist()) - {-1}


def shown_in_a_viewer(folder: Path) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    shown: list[tuple[str, dict[str, Any]]] = []
    viewer = SimpleNamespace(
        show=lambda image, layer, index: shown.append(("image", index)) or SimpleNamespace(state="waiting"),
        show_labels=lambda labels, layer, name, index, **_: shown.append((name, index)),
        show_tracks=lambda places, layer, name, index: shown.append((name, index)),
        components=lambda *_, **__: None,
    )
    return show_file(folder, viewer), shown  # type: ignore[arg-type]


def test_viewers_and_the_browser_show_the_images_with_what_was_found_in_them(
    record: Path, done: Done
) -> None:
    told, shown = shown_in_a_viewer(done.out)
    assert told.startswith("again: 15 of 15 images")
    assert Counter(name for name, _ in shown) == {"image": 15, "labels": 8, "tracks": 2}
    assert ("image", {"t": 1, "p": 1, "z": 0, "channel": "red"}) in shown
    row, _ = rows_of(ImageRow(path=str(done.out), source=str(done.out), kind="run"))
    assert (Path(row.path), row.outcome) == (record / "frames.ome.zarr" / "0", "complete")


def test_where_its_source_has_gone_it_says_so_and_keeps_what_it_has(record: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    shutil.copytree(record, both / "run")
    reprocess(both / "run", PIPELINE, both / "again")
    moved = both.rename(tmp_path / "elsewhere")
    again = parfocal.open_run(moved / "again")
    assert len(again.frames()), "the two lie beside one another as before"

    (moved / "run").rename(tmp_path / "gone")
    assert "is not at" in again.manifest.missing["images"]
    assert len(again.frames("labels")) == 8
    told: list[str] = []
    assert export_run(moved / "again", "tiff", out=tmp_path / "tiff", report=told.append)
    assert told[0].startswith("without images: ")
    assert "is not at" in told[0]
    told.clear()
    pictures = plot_run(moved / "again", out=tmp_path / "pictures", report=told.append)
    assert {path.name for path in pictures} == {"tracks.png", "labels.png", "masks.png"}
    assert told == [f"without images: {again.manifest.missing['images']}"]
    with pytest.raises(BadInputError, match=r"has no stream 'camera'.*is not at"):
        plot_run(moved / "again", stream="camera", out=tmp_path / "pictures")
    (row,) = rows_of(ImageRow(path=str(moved / "again"), source=str(moved / "again"), kind="run"))
    assert row.outcome.startswith("complete; no images: ")
    show, add_layers = partial(shown_in_a_viewer, moved / "again"), partial(run_layers, again)
    for asked in (again.frames, again.image_folders, show, add_layers):
        with pytest.raises(BadInputError, match=rf"images of the record .* is not at {moved / 'run'}"):
            asked()
    with pytest.raises(BadInputError, match="is not at"):
        reprocess(moved / "again", PIPELINE, tmp_path / "new")

    (moved / "again").rename(tmp_path / "run")
    shutil.copytree(tmp_path / "run", moved / "run")
    shutil.copytree(tmp_path / "run", moved / "again")
    with pytest.raises(BadInputError, match="is another one"):
        parfocal.open_run(moved / "again").frames()


def test_a_source_on_another_drive_is_named_by_its_own_path(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where there is no way from one drive to another."""
    drives = [tmp_path / "c", tmp_path / "d"]
    shutil.copytree(record, drives[0] / "run")
    way = os.path.relpath

    def way_on_a_drive(path: str | Path, start: str | Path) -> str:
        if [Path(path).is_relative_to(one) for one in drives] != [
            Path(start).is_relative_to(one) for one in drives
        ]:
            raise ValueError(f"path is on mount {path!r}, start on mount {start!r}")
        return way(path, start)

    monkeypatch.setattr(os.path, "relpath", way_on_a_drive)
    reprocess(drives[0] / "run", PIPELINE, drives[1] / "again")
    again = parfocal.open_run(drives[1] / "again")
    assert Path(again.manifest.plan["source"]["folder"]) == drives[0] / "run"
    assert (len(again.frames()), len(again.frames("labels"))) == (15, 8)
    image = json.loads((drives[1] / "again" / "labels.ome.zarr" / "0" / "zarr.json").read_bytes())
    label = image["attributes"]["ome"]["image-label"]
    assert Path(label["source"]["image"]) == drives[0] / "run" / "frames.ome.zarr" / "0"


def test_a_source_that_has_changed_is_told(record: Path, tmp_path: Path) -> None:
    shutil.copytree(record, tmp_path / "run")
    reprocess(tmp_path / "run", PIPELINE, tmp_path / "again")
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    again = parfocal.open_run(tmp_path / "again")
    assert "has changed since its images were analysed" in again.manifest.warnings[-1]
    assert len(again.frames())


def test_a_step_that_raises_is_told_with_the_frame_and_costs_only_its_time_point(
    record: Path, tmp_path: Path
) -> None:
    summary = reprocess(record, {"segment": STEPS + "fails_at_one", "channel": "red"}, tmp_path / "again")
    assert (summary.outcome, summary.analysed, summary.failed) == ("incomplete: lost 2", 6, 2)
    assert summary.errors[0].startswith("t=1, p=")
    assert "step 'segment' raised ValueError: no cells at t = 1" in summary.errors[0]
    again = parfocal.open_run(tmp_path / "again")
    assert sorted(set(again.tracks()["t"].tolist())) == [0, 2, 3]
    assert again.frames("labels").missing == [{"t": 1, "p": 0}, {"t": 1, "p": 1}]


@pytest.mark.slow
def test_an_interrupt_leaves_a_record_that_says_how_far_it_came(record: Path, tmp_path: Path) -> None:
    def interrupt(progress: object) -> None:
        if getattr(progress, "phase", "") == "analysing":
            raise KeyboardInterrupt("enough")

    summary = reprocess(record, PIPELINE, tmp_path / "again", report=interrupt)
    again = parfocal.open_run(tmp_path / "again")
    assert summary.outcome == again.outcome == "cancelled"
    assert again.manifest.reason.startswith("enough, after ")


def test_what_cannot_be_done_is_refused_and_nothing_is_left(record: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(AlreadyExistsError, match="never overwritten"):
        reprocess(record, PIPELINE, tmp_path / "taken")
    with pytest.raises(BadInputError, match=r"segments channel 'blue', .* known: green, red"):
        reprocess(record, {"segment": STEPS + "bright", "channel": "blue"}, tmp_path / "new")
    with pytest.raises(BadInputError, match="workers must be 1 or more, not 0"):
        reprocess(record, PIPELINE, tmp_path / "new", workers=0)
    with pytest.raises(BadInputError, match="give one of the two"):
        reprocess(record, PIPELINE, tmp_path / "new", workers=2, dask="tcp://127.0.0.1:8786")
    with pytest.raises(BadInputError, match="not the folder of a run"):
        reprocess(tmp_path, PIPELINE, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_the_program_of_its_page_does_what_it_says(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[3] / "docs" / "reprocess.md"
    steps, program = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(compile(steps, "mysteps.py", "exec"), namespace)
    assert reprocess(record, namespace["pipeline"], tmp_path / "cells").outcome == "complete"
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mysteps.py").write_text("pipeline = {'segment': 'parfocal.testing.steps:bright'}\n")
    exec(compile(program, "reprocess.md", "exec"), {"RUN": record, "__name__": "__main__"})
    assert capsys.readouterr().out.splitlines() == ["complete 7 time points, 7 cells", "7 (40, 48)"]
    sys.modules.pop("mysteps")
