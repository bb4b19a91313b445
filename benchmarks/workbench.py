"""What a day at the tweezers costs: locks, what they leave of the camera's rate, and live forces.

    python benchmarks/workbench.py [--json] [--quick | --short] [--only PART]

The built-in rig with simulated devices, 100 beads at 100 frames a second. Passes are taken in rounds, and the
best round counts; rates are those of the machine as it is, with whatever else runs there. The peer of a pass
of the XY-lock is MagScope 1.0, whose figure was measured once on the same class of machine (2 cores): 380 ms
for 100 beads. That of live forces is what a user would write with scipy, on the same data.

A part is a function of the size that returns rows; `PARTS` names them all.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from _camera_rate import camera_hz, wait_until_in_time
from _report import Parts, Row, Size, parser, run

import parfocal
from parfocal.analysis.beads.quality import XY_FLAGS
from parfocal.analysis.beads.rois import RoiSet
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.force.live_messages import LiveAsk, LiveSetup
from parfocal.analysis.force.live_process import LiveForceProcess
from parfocal.analysis.force.live_settings import TetherPhysics
from parfocal.analysis.locks.samples import FreshSamples
from parfocal.analysis.locks.xy_controller import region_moves
from parfocal.core.clock import poll_until
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.devices.simulated.beads import BeadField, Tethers
from parfocal.devices.simulated.forces import magnet_force_pn
from parfocal.rig.rig import Rig
from parfocal.streams import StreamWriter

MAGSCOPE, MAGSCOPE_PASS_MS = "MagScope 1.0", 380.0
WINDOW, ROUND = 10, 5
WAIT_S = 120.0
PIXEL_NM, EXPOSURE_S = 100.0, 0.005
MAGNET_NM, MAGNET_HEIGHTS = 4e6, (0.0, 1e6, 2e6, 3e6, 4e6, 6e6)
MAGNET_DTYPE = np.dtype([("time_ns", "<i8"), ("z_nm", "<f8")])


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
            tracker.move_rois(moves, timeout_s=WAIT_S)  # to the same places: until the workers go by them
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


def live_force(size: Size) -> list[Row]:
    """Time updates of live forces in their worker, on 20 s of beads that move as the simulated ones do."""
    beads, rate_hz, seconds = size.of(50, 50, 6), 100.0, size.of(20.0, 20.0, 5.0)
    rows = moving_beads(beads, rate_hz, seconds)
    with tempfile.TemporaryDirectory(prefix="streams") as folder, ExitStack() as stack:
        tracks = stack.enter_context(StreamWriter(Path(folder), "tracks", RowSpec.of(TRACK_DTYPE), 1 << 18))
        magnet = stack.enter_context(StreamWriter(Path(folder), "magnet", RowSpec.of(MAGNET_DTYPE), 64))
        frames = FrameSpec(shape=(8, 8), dtype="uint8", pixel_size_um=PIXEL_NM / 1e3)
        stack.enter_context(StreamWriter(Path(folder), "camera", frames, 4))
        tracks.write_rows(rows)
        magnet.write_rows(np.array([(rows["time_ns"][-1], MAGNET_NM)], MAGNET_DTYPE))
        setup = LiveSetup(streams=folder, tracks="tracks", frames="camera", magnet="magnet", axis="")
        worker = LiveForceProcess(setup, WAIT_S, print)
        stack.callback(worker.end)
        ask = LiveAsk(
            beads=None,
            references=(),
            window_s=seconds + 1,
            exposure_s=EXPOSURE_S,
            physics=TetherPhysics(radius_nm=525.0, contour_nm=1000.0, contour_sigma_nm=30.0),
            anchors={},
            heights=MAGNET_HEIGHTS,
            forces_pn=tuple(map(magnet_force_pn, MAGNET_HEIGHTS)),
            curves=0,
            rows=True,
        )
        first = worker.ask(ask)
        assert not first.problem
        assert np.isfinite(first.rows["spectrum_pn"]).all()
        ours = min(elapsed_s(lambda: worker.ask(ask)) for _ in range(size.of(10, 5, 1)))
    traces = rows["x_px"].reshape(-1, beads).T * PIXEL_NM
    by_scipy(traces[:1], rate_hz)
    scipy = min(elapsed_s(lambda: by_scipy(traces, rate_hz)) for _ in range(size.of(3, 2, 1)))
    bias = 100 * float(np.mean(first.rows["spectrum_pn"]) / magnet_force_pn(MAGNET_NM) - 1)
    told = (first.rows["spectrum_pn"] - magnet_force_pn(MAGNET_NM)) / first.rows["spectrum_sigma_pn"]
    peer = "scipy, Welch and curve_fit"
    return [
        Row(
            f"live force of {beads} beads, {seconds:g} s at 100 Hz",
            1e3 * ours,
            "ms",
            "<= 1000",
            peer,
            1e3 * scipy,
        ),
        Row("its bias at 1.39 pN", abs(bias), "%", "<= 5"),
        Row(f"largest error of {beads}, in its own sigmas", float(np.abs(told).max()), "", "<= 4"),
    ]


def moving_beads(beads: int, rate_hz: float, seconds: float) -> np.ndarray:
    """Return rows of the tracker, with noise, of beads at the force of the magnet at `MAGNET_NM`."""
    field, rng = BeadField(Tethers.single(np.full(beads, 1000.0)), 525.0, seed=1), np.random.default_rng(1)
    frames, pull = round(rate_hz * seconds), magnet_force_pn(MAGNET_NM)
    moved = np.array([field.advance(k, 1 / rate_hz, pull, EXPOSURE_S) for k in range(frames)])
    rows = np.zeros((frames, beads), TRACK_DTYPE)
    rows["frame"] = np.arange(frames)[:, None]
    rows["time_ns"] = 1_000_000_000 + rows["frame"] / rate_hz * 1e9
    rows["bead"] = np.arange(beads)
    for n, axis in enumerate("xy"):
        rows[f"{axis}_px"] = (moved[:, :, n] + rng.normal(0, 1.0, (frames, beads))) / PIXEL_NM
        rows[f"sigma_{axis}_px"] = 1.0 / PIXEL_NM
    rows["z_nm"] = -moved[:, :, 2]
    return rows.ravel()


def by_scipy(traces_nm: np.ndarray, rate_hz: float) -> list[float]:
    """Return a stiffness for each bead by what a user would write: Welch's spectrum, a fit of a Lorentzian.

    Without blur, aliasing and noise, and without errors that mean something; the Allan variance as well.
    """
    from scipy.optimize import curve_fit
    from scipy.signal import welch

    def lorentzian(hz: np.ndarray, plateau: float, corner: float) -> np.ndarray:
        return plateau / (1 + (hz / corner) ** 2)

    def allan(tau_s: np.ndarray, variance: float, time_s: float) -> np.ndarray:
        x = tau_s / time_s
        return 2 * variance / x * (1 + 2 / x * np.exp(-x) - np.exp(-2 * x) / (2 * x) - 3 / (2 * x))

    found = []
    for trace in traces_nm:
        hz, power = welch(trace, rate_hz, nperseg=min(512, trace.size))
        best, _ = curve_fit(lorentzian, hz[1:], power[1:], p0=(power[1], 20.0), bounds=(1e-9, np.inf))
        found.append(4.11 / (np.pi / 2 * best[0] * best[1]))
        windows = 2 ** np.arange(int(np.log2(trace.size / 8)))
        sums = np.concatenate([[0.0], np.cumsum(trace - trace.mean())])
        steps = [sums[2 * m :] - 2 * sums[m:-m] + sums[: -2 * m] for m in windows]
        measured = np.array([np.mean(each**2) / (2 * m * m) for each, m in zip(steps, windows, strict=True)])
        curve_fit(allan, windows / rate_hz, measured, p0=(trace.var(), 0.01), bounds=(1e-9, np.inf))
    return found


def elapsed_s(do: Callable[[], object]) -> float:
    """Return how long a call takes."""
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


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
        wait_until_in_time(stream)
        return camera_hz(stream, seconds)


PARTS: Parts = {
    "xy_lock": xy_lock,
    "z_lock": z_lock,
    "live_force": live_force,
    "references": references,
    "all_on": all_on,
}


def main() -> int:
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="pf") as place:
        os.environ |= {"PARFOCAL_RUNTIME_DIR": f"{place}/r", "PARFOCAL_SHM_DIR": f"{place}/s"}
        return run(PARTS, options)


if __name__ == "__main__":
    sys.exit(main())
