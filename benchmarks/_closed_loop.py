"""What a closed loop costs: from an image to the stimulus that is made of it, and a row of the tracks."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _echo import BARE, bare
from _report import Failed, Row, Size, attempt, following
from _timing import Timing, timed, timing

import parfocal
from parfocal.core.frames import RowSpec
from parfocal.processes.awake import why_not_awake
from parfocal.processes.priority import why_no_real_time
from parfocal.rig.opening import load_source
from parfocal.runs import Pipeline, Sequence, Step
from parfocal.runs.analysis_rows import track_dtype
from parfocal.storage import RowSink

CELLS = 196
FIELD_UM = 512 * 0.65
STEPS = "parfocal.analysis.cells."
PATIENCE_S = 1800.0
_SLEEP_S = 0.005
"""About an exposure of an image."""
TRIVIAL = Pipeline(
    segment=Step(call="parfocal.testing.steps:bright", settings={"above": 1e9}),
    stimulate=f"{STEPS}masks:whole_field",
    late="hold",
)
TRACKED = Pipeline(
    segment=Step(call=f"{STEPS}segment:otsu", settings={"min_contrast": 100.0}),
    track=Step(call=f"{STEPS}linking:NearestLinker", settings={"search_px": 8.0}),
    stimulate=f"{STEPS}masks:cells",
    late="hold",
)
FIRST = ", real-time priority, processors awake"
LOOPS = {
    "trivial mask": (TRIVIAL, "<= 3", "<= 10"),
    f"trivial mask{FIRST}": (TRIVIAL, "<= 3", "<= 10"),
    f"Otsu and tracking of {CELLS} cells": (TRACKED, "<= 30", "<= 60"),
}
GO_FIRST = ("camera", "channels", "excitation", "stimulation", "modulator", "runs")
"""What such a loop waits for, beside the worker of its pipeline."""
PEER = "faro"
NO_PEER = Failed("not measured: faro, whose distribution is rtm-pymmcore, is in no package registry")


def image_to_stimulation(size: Size) -> Iterator[Row]:
    """Measure from the end of an exposure to the beginning of its stimulus, with all of it recorded.

    A frame of 512 x 512 px at each time point, and a stimulus with the mask that is made of it. No filter
    moves between them, and shutters take no time: what is left is calls between processes. Whether it stays
    flat tell the last tenth of the frames over the first: of 2000, the last 200. Of each it is the tenth
    percentile: what grows with the run makes the quickest slower, too, and the load of others, which comes
    and goes, does not.

    The trivial mask is the same each time, so the modulator has its pattern already; with a new one each time
    it was 0.4 ms more.

    The services that such a loop waits for share a processor, as the file of this rig asks for. Once more
    with real-time priority for them instead, and processors that are kept awake. The last rows are what
    cannot be gone below on this machine: the same calls as echoes of bare pyzmq.
    """
    loops = size.of(2000, 300, 4)
    for name, (pipeline, *wanted) in LOOPS.items():
        goes_first = GO_FIRST if FIRST in name else ()
        if goes_first and (why := why_no_real_time() or why_not_awake()):
            yield Row(f"image to stimulation, {name}: median", Failed(why), "ms", wanted[0], PEER, NO_PEER)
            continue
        took = loop_ms(pipeline, loops, goes_first)
        for part, limit, percent in (("median", wanted[0], 50), ("p99", wanted[1], 99)):
            found = float(np.percentile(took, percent))
            yield Row(f"image to stimulation, {name}: {part}", found, "ms", limit, PEER, NO_PEER)
        tenth = max(1, loops // 10)
        first, last = (float(np.percentile(part, 10)) for part in (took[:tenth], took[-tenth:]))
        yield Row(
            f"image to stimulation, {name}: frame {loops} over the first", last / first, "ratio", "<= 1.1"
        )
    for part, value in zip(("median", "p99"), floor(loops), strict=True):
        yield Row(f"floor of it, the calls alone as a {BARE}: {part}", 1e3 * value, "ms")


def floor(loops: int) -> Timing:
    """Time the calls that lie between an image and its stimulus, between processes that only pass them on.

    The camera answers and is asked again. Twice, to close a light and to open another, the run asks the
    channels, which ask a lamp. Before that all have slept, as they do in a run.
    """
    with tempfile.TemporaryDirectory() as folder, bare(folder) as camera, bare(folder, 2) as channels:

        def in_turn() -> None:
            camera()
            channels()
            channels()

        def timed_after_sleep() -> float:
            time.sleep(_SLEEP_S)
            return timed(in_turn, 1).p50

        return timing([timed_after_sleep() for _ in range(loops)])


def loop_ms(pipeline: Pipeline, loops: int, goes_first: tuple[str, ...] = ()) -> Any:
    """Carry out a closed loop; return from image to stimulation, ms, in the order of the stimuli.

    `goes_first` are the services with real-time priority; with any, the worker of the pipeline has it, too,
    and processors are kept awake.
    """
    plan = Sequence(
        time_plan={"interval": 0, "loops": loops},
        channels=[{"config": "nucleus", "exposure": 5}],
        stim_channels=[{"config": "stimulation", "exposure": 1}],
        stim_frames="all",
    )
    with tempfile.TemporaryDirectory() as folder:
        changes = {
            "camera.options.spacing_um": FIELD_UM / CELLS**0.5,
            "recorder.folder": f"{folder}/runs",
            "modulator.calibration_file": f"{folder}/calibration.json",
            "runs.real_time_workers": bool(goes_first),
            "runs.keep_awake": bool(goes_first),
            "channels.options.presets.stimulation.filter": "nucleus",
            "excitation.options.shutter_s": 0.0,
            "stimulation.options.shutter_s": 0.0,
        }
        lab = load_source("optogenetics")
        if goes_first:
            lab = lab.model_copy(update={"real_time": list(goes_first), "own_processor": []})
        with parfocal.open_rig(lab, name=f"bench-{os.getpid()}", changes=changes) as rig:
            rig["modulator"].calibrate(timeout_s=PATIENCE_S)
            status = rig.run(plan, pipeline=pipeline).wait(timeout_s=PATIENCE_S)
            fired = (status.outcome, status.stimulations.fired)
            if fired != ("complete", loops):
                raise RuntimeError(f"the run has ended as {fired}: {status.reason}")
            return parfocal.open_run(status.folder).stimulations()["image_to_stim_ms"]


def steps(size: Size) -> Iterator[Row]:
    """Measure the steps of such a pipeline by themselves, in one process: from an image to its mask."""
    frames = size.of(200, 50, 4)
    images = [cells_at(shift) for shift in np.random.default_rng(2).uniform(-2, 2, (frames, 2))]
    own, peer = own_steps(), attempt(plain_steps)
    took = step_ms(own, images)
    beside = following(peer, by=lambda mask_of: step_ms(mask_of, images))
    yield Row(f"Otsu and tracking of {CELLS} cells, steps alone", took, "ms", "<= 15", PLAIN, beside)


PLAIN = "scikit-image and trackpy"
SIDE = round(CELLS**0.5)


def cells_at(shift_px: Any) -> Any:
    """Return an image of cells, 512 x 512 px, in a square, moved by (y, x)."""
    pitch = 512 / SIDE
    y, x = ((np.arange(512) - shift) % pitch - pitch / 2 for shift in shift_px)
    noise = np.random.default_rng(3).normal(100, 8, (512, 512))
    return (noise + 400 * np.exp(-(y[:, None] ** 2 + x**2) / 60)).astype(np.uint16)


def step_ms(mask_of: Callable[[Any], Any], images: list[Any]) -> float:
    """Return how long it takes from an image to its mask, the median; the first image warms up."""
    mask_of(images[0])
    took = []
    for image in images:
        begin = time.perf_counter()
        lit = mask_of(image).mean()
        took.append(1e3 * (time.perf_counter() - begin))
        if not 0.05 < lit < 0.6:
            raise RuntimeError(f"{lit:.0%} of the image are cells")
    return float(np.median(took))


def own_steps() -> Callable[[Any], Any]:
    """Return what makes a mask of an image with the steps of the pipeline above."""
    from parfocal.analysis.cells.linking import NearestLinker
    from parfocal.analysis.cells.masks import cells
    from parfocal.analysis.cells.segment import otsu
    from parfocal.tracking.labelled import places

    linker = NearestLinker(search_px=8.0)

    def mask_of(image: Any) -> Any:
        labels = otsu(image, min_contrast=100.0)
        linker.link(places(labels))
        return cells(labels)

    return mask_of


def plain_steps() -> Callable[[Any], Any]:
    """Return what does that with the functions of the libraries, as a script would."""
    import trackpy
    from scipy import ndimage
    from skimage import feature, filters, measure, segmentation

    trackpy.quiet()
    before: list[Any] = []

    def mask_of(image: Any) -> Any:
        smooth = filters.gaussian(image, 1.0, preserve_range=True)
        foreground = ndimage.binary_fill_holes(smooth > filters.threshold_otsu(smooth))
        distance = ndimage.distance_transform_edt(foreground)
        tops = feature.peak_local_max(distance, labels=measure.label(foreground), min_distance=5)
        seeds = np.zeros(image.shape, int)
        seeds[tuple(tops.T)] = np.arange(1, len(tops) + 1)
        labels = segmentation.watershed(-distance, seeds, mask=foreground)
        table = measure.regionprops_table(labels, properties=("label", "centroid", "area"))
        now = np.column_stack([table["centroid-0"], table["centroid-1"]])
        list(trackpy.linking.link_iter(iter([*before[-1:], now]), search_range=8.0))
        before[:] = [now]
        return labels > 0

    return mask_of


def track_rows(size: Size) -> Iterator[Row]:
    """Measure what the rows of a frame of cells cost, early and late, and what rewriting the table would."""
    frames = size.of(2000, 500, 20)
    rows = np.zeros(CELLS, track_dtype(["area_px", "mean_nucleus"]))
    rows["y_px"] = np.random.default_rng(1).uniform(0, 512, CELLS)
    with tempfile.TemporaryDirectory() as folder:
        costs = []
        with RowSink.create(Path(folder) / "tracks", RowSpec.of(rows.dtype)) as sink:
            for frame in range(frames):
                rows["t"] = frame
                begin = time.perf_counter()
                sink.append(rows)
                costs.append((time.perf_counter() - begin) / CELLS * 1e6)
        peer = attempt(rewritten_us, rows, frames, Path(folder) / "table.parquet")
    tenth = max(1, frames // 10)
    first, last = float(np.median(costs[:tenth])), float(np.median(costs[-tenth:]))
    yield Row(f"a track row at frame {frames}", last, "us", "<= 10", "table rewritten", peer)
    yield Row(f"a track row at frame {frames} over the first", last / first, "ratio", "<= 1.2")


def rewritten_us(rows: Any, frames: int, path: Path) -> float | Failed:
    """Return what a row costs where the whole table is joined and written at each frame."""
    import pandas as pd

    table = pd.concat([pd.DataFrame(rows)] * (frames - 1), ignore_index=True)
    begin = time.perf_counter()
    pd.concat([table, pd.DataFrame(rows)], ignore_index=True).to_parquet(path)
    return (time.perf_counter() - begin) / len(rows) * 1e6
