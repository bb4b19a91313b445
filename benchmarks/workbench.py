"""What a day at the tweezers costs: locks, and what they leave of the camera's rate.

    python benchmarks/workbench.py [--json] [--quick | --short] [--only PART]

The built-in rig with simulated devices, 100 beads at 100 frames a second. Passes are taken in rounds, and the
best round counts; rates are those of the machine as it is, with whatever else runs there. The peer of a pass
of the XY-lock is MagScope 1.0, whose figure was measured once on the same class of machine (2 cores): 380 ms
for 100 beads.

A part is a function of the size that returns rows; `PARTS` names them all.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from _report import Parts, Row, Size, parser, run

import parfocal
from parfocal.analysis.beads.quality import XY_FLAGS
from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.locks.samples import FreshSamples
from parfocal.analysis.locks.xy_controller import region_moves
from parfocal.core.clock import poll_until
from parfocal.rig.rig import Rig

MAGSCOPE, MAGSCOPE_PASS_MS = "MagScope 1.0", 380.0
WINDOW, ROUND = 10, 5
WAIT_S = 120.0


@contextmanager
def tweezers(size: Size) -> Iterator[Rig]:
    """Lend the built-in rig with its camera on and all beads found; runs go to a folder that is removed."""
    beads = size.of(100, 100, 9)
    columns = int(np.ceil(np.sqrt(beads)))
    side = columns * 96 + 64
    with tempfile.TemporaryDirectory(prefix="runs") as folder:
        changes = {
            "camera.options.width_px": side,
            "camera.options.height_px": side,
            "camera.options.beads": beads,
            "camera.options.stuck": 1.0,
            "recorder.folder": folder,
        }
        with parfocal.open_rig("tweezers", name=f"workbench-{os.getpid()}", changes=changes) as rig:
            rig["camera"].start()
            rig["tracker"].find_beads(timeout_s=WAIT_S)
            yield rig


def xy_lock(size: Size) -> list[Row]:
    """Time passes of the XY-lock: means of fresh rows, and all regions moved in one command."""
    with tweezers(size) as rig:
        tracker = rig["tracker"]
        rois = tracker.list_rois()
        passes, moves_alone = [], []
        for turn in range(size.of(10, 4, 1) * ROUND):
            samples = samples_of(rois, away_px=1.5 if turn % 2 else -1.5)
            begin = time.perf_counter()
            moves = region_moves(rois, samples.means(), max_px=10)
            decided = time.perf_counter()
            rois = tracker.move_rois(moves, wait=False, timeout_s=WAIT_S)
            end = time.perf_counter()
            passes.append(end - begin)
            moves_alone.append(end - decided)
            assert len(moves) == len(rois.rois)
            tracker.move_rois({}, timeout_s=WAIT_S)  # until the workers go by them
        pass_ms, move_ms = best_round_ms(passes), best_round_ms(moves_alone)
        name = f"XY-lock pass, {len(rois.rois)} beads, p50"
        return [
            Row(name, pass_ms, "ms", "<= 5", MAGSCOPE, MAGSCOPE_PASS_MS),
            Row(f"of it move_rois, {len(rois.rois)} beads, p50", move_ms, "ms"),
        ]


def best_round_ms(times_s: list[float]) -> float:
    """Return the median of the best round, ms."""
    rounds = [times_s[first : first + ROUND] for first in range(0, len(times_s), ROUND)]
    return 1e3 * min(map(statistics.median, rounds))


def samples_of(rois: RoiSet, away_px: float) -> FreshSamples:
    """Return a window of rows in which every bead is so far from the middle of its region, along x."""
    rows = np.zeros(len(rois.rois) * (WINDOW + 1), TRACK_DTYPE)
    rows["time_ns"] = np.repeat(np.arange(1, WINDOW + 2), len(rois.rois))
    rows["bead"] = np.tile(rois.beads, WINDOW + 1)
    rows["x_px"] = np.tile([roi.x_px + away_px for roi in rois.rois], WINDOW + 1)
    rows["y_px"] = np.tile([roi.y_px for roi in rois.rois], WINDOW + 1)
    samples = FreshSamples(("x_px", "y_px"), XY_FLAGS, WINDOW)
    samples.clear(0)
    samples.add(rows)
    return samples


def z_lock(size: Size) -> list[Row]:
    """Count corrections of the focus in a second, and frames tracked with locks on and off; drift is held."""
    seconds = size.of(20.0, 8.0, 1.0)
    with tweezers(size) as rig:
        rig["tracker"].build_tables(frames_per_plane=size.of(10, 10, 3), timeout_s=WAIT_S)
        beads = list(rig["tracker"].list_rois().beads)
        off_hz = tracked_rate(rig, seconds)
        lock = rig["z_lock"]
        lock.set(beads=beads[:3], interval_s=0.1, window=5, min_nm=0.0)
        lock.on()
        rig["xy_lock"].set(interval_s=0.1, window=5)
        rig["xy_lock"].on()
        poll_until(lambda: lock.status().state == "holding", WAIT_S)
        rig["camera"].set_drift(x_nm_per_s=50.0, z_nm_per_s=20.0)
        before, begin = lock.status().corrections, time.perf_counter()
        errors: list[float] = []
        on_hz = tracked_rate(rig, seconds, lambda: errors.append(lock.status().error_nm or 0.0))
        corrections = (lock.status().corrections - before) / (time.perf_counter() - begin)
        return [
            Row("Z-lock, corrections at an interval of 0.1 s", corrections, "1/s", ">= 1"),
            Row("Z-lock, RMS error at 20 nm/s", float(np.sqrt(np.mean(np.square(errors)))), "nm", "<= 10"),
            Row(f"frames tracked, {len(beads)} beads, both locks on", on_hz, "1/s", "", "locks off", off_hz),
        ]


def references(size: Size) -> list[Row]:
    """Take the time from the end of an exposure to its rows, with verdicts, without and with a drift."""
    seconds = size.of(20.0, 8.0, 1.0)
    with tweezers(size) as rig:
        beads = list(rig["tracker"].list_rois().beads)
        without_ms = frame_to_row_ms(rig, seconds)
        rig["tracker"].set_references(beads=beads[:5])
        with_ms = frame_to_row_ms(rig, seconds)
        name = f"frame to row, {len(beads)} beads, p50, 5 references"
        return [Row(name, with_ms, "ms", "<= 50", "no references", without_ms)]


def frame_to_row_ms(rig: Rig, seconds: float) -> float:
    """Return the median time from the end of an exposure to its rows in the stream of tracks."""
    taken, begin = [], time.perf_counter()
    with rig.stream("tracks").lossless("drop") as rows:
        while time.perf_counter() - begin < seconds:
            new = rows.read(timeout_s=WAIT_S)
            taken.append(new["written_ns"] - new["time_ns"])
    return float(np.median(np.concatenate(taken))) * 1e-6


def tracked_rate(rig: Rig, seconds: float, look: Callable[[], object] = lambda: None) -> float:
    """Return how many frames were tracked in a second, looking ten times a second."""
    first, begin = rig["tracker"].counts()["tracked"], time.perf_counter()
    while time.perf_counter() - begin < seconds:
        time.sleep(0.1)
        look()
    return float((rig["tracker"].counts()["tracked"] - first) / (time.perf_counter() - begin))


def all_on(size: Size) -> list[Row]:
    """Record tracks, video of the regions and telemetry with both locks on, beside the camera alone."""
    seconds = size.of(20.0, 8.0, 1.0)
    with tweezers(size) as rig:
        rig["tracker"].build_tables(frames_per_plane=size.of(10, 10, 3), timeout_s=WAIT_S)
        rig["camera"].stop()
        beads = list(rig["tracker"].list_rois().beads)
        options = rig["camera"].get_settings()["options"]
        rig["xy_lock"].on()
        rig["z_lock"].set(beads=beads[:3], while_claimed="correct")
        rig["z_lock"].on()
        before = rig["camera"].counts()["frames"]
        status = rig.acquire("tracks+roi-video", seconds=seconds).wait(WAIT_S + seconds)
        came = rig["camera"].counts()["frames"] - before  # what it lost itself, on a busy machine, did not
        streams = parfocal.open_run(status.folder).manifest.streams
    tracked = streams["tracks"].stored / len(beads) / seconds
    video = streams["roi_video"].stored / seconds
    alone = camera_alone(options, seconds)
    name = f"{len(beads)} beads, locks, telemetry and video of the regions on"
    return [
        Row(f"camera rate, {name}", came / seconds, "1/s", "", "camera alone", alone),
        Row(f"frames tracked and stored, {name}", tracked, "1/s"),
        Row(f"frames of the video stored, {name}", video, "1/s"),
    ]


def camera_alone(options: dict[str, Any], seconds: float) -> float:
    """Return how many frames a second a camera brings in a rig that has nothing else."""
    camera = {"kind": "camera", "settings": {"device": "simulated-camera", "options": options}}
    with parfocal.open_rig({"name": f"alone-{os.getpid()}", "services": {"camera": camera}}) as rig:
        rig["camera"].start()
        stream = rig.stream("camera")
        poll_until(lambda: stream.produced > 0, WAIT_S)
        first, begin = stream.produced, time.perf_counter()
        time.sleep(seconds)
        return float((stream.produced - first) / (time.perf_counter() - begin))


PARTS: Parts = {"xy_lock": xy_lock, "z_lock": z_lock, "references": references, "all_on": all_on}


def main() -> int:
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="pf") as place:
        os.environ |= {"PARFOCAL_RUNTIME_DIR": f"{place}/r", "PARFOCAL_SHM_DIR": f"{place}/s"}
        return run(PARTS, options)


if __name__ == "__main__":
    sys.exit(main())
