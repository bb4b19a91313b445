"""How well and how fast beads are tracked, beside the Cramer-Rao bound and magtrack 1.0, same images.

    python benchmarks/tracking.py [--json] [--quick] [--field IMAGE]

Images: Lorenz-Mie scattering and a Debye integral, NA 1.2 in water, 100 nm pixels, shot noise, 8 e- read
noise; tables from 30 noisy self-centred frames on each 100 nm plane. Times on one core are CPU times, the
best of several runs, with the peer interleaved; those of two threads are wall times.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from _beads import PIXEL_NM, FastHistogram, Peer, case, errors_nm, rms, track
from _report import Row, report
from scipy.signal import lfilter

from parfocal.tracking import BeadTracker, ZTableBuilder, ZTables, find_beads, warm_up
from parfocal.tracking.force import fit_allan_variance, fit_power_spectrum
from parfocal.tracking.simulation import Optics, add_noise, bead_stack, render

QUICK = "--quick" in sys.argv
COUNT = 300 if QUICK else 1200


def best_of(
    work: Callable[[], object], repeats: int = 7, clock: Callable[[], float] = time.thread_time
) -> float:
    """Return the shortest of several times, seconds; by default CPU times of this thread."""
    times = []
    for _ in range(repeats):
        begin = clock()
        work()
        times.append(clock() - begin)
    return min(times)


def accuracy() -> list[Row]:
    """RMS errors over the bound and over the predicted sigma, chi2, good rows flagged."""
    rows, pulls, chi2, flagged = [], [], [], []
    for roi in (50, 64, 100):
        for electrons in (200.0, 5000.0, 30000.0):
            this, rng = case(roi, electrons), np.random.default_rng([roi, int(electrons)])
            bead = this.bead()
            tracker = BeadTracker(this.tables(this.sweep(bead, rng)), roi, **this.camera)
            places = this.places(COUNT, rng)
            found = track(tracker, np.stack([this.expose(bead.image(*p, roi), rng) for p in places]))
            error, bound = errors_nm(found, places), this.bound(bead, places)
            ratio = rms(error / bound)
            text = f"RMS over the bound, ROI {roi}, {electrons:.0f} e-/px"
            rows += [
                Row(f"{text}, {axis}", float(r), "x", "<= 1.05") for axis, r in zip("xyz", ratio, strict=True)
            ]
            sigma = np.stack(
                [found["sigma_x_px"] * PIXEL_NM, found["sigma_y_px"] * PIXEL_NM, found["sigma_z_nm"]], 1
            )
            pulls.append(rms(error / sigma))
            chi2.append(float(found["chi2"].mean()))
            flagged.append(float((found["flags"] != 0).mean()))
    off = np.abs(np.array(pulls) - 1)
    rows.append(
        Row("predicted sigma against true RMS, mean of all", 100 * abs(np.mean(pulls) - 1), "%", "<= 5")
    )
    rows.append(Row("predicted sigma against true RMS, worst of 27", 100 * float(off.max()), "%"))
    rows.append(
        Row("chi2 of good fits, farthest from 1", float(np.abs(np.array(chi2) - 1).max()), "", "<= 0.05")
    )
    rows.append(Row("good beads flagged", 100 * float(np.mean(flagged)), "%", "<= 1"))
    return rows


def bias_and_crosstalk(peer: Peer, tracker: BeadTracker) -> list[Row]:
    """Mean errors along z, and z against the position within a pixel, in images without noise."""
    this = case(64)
    bead = this.bead()

    def images(places: np.ndarray) -> np.ndarray:
        return np.stack([this.electrons / this.gain * bead.image(*p, 64) for p in places]).astype(np.float32)

    heights = np.arange(this.low_nm + 150, this.high_nm - 150, 13.0)
    places = np.stack([np.full_like(heights, 31.2), np.full_like(heights, 31.7), heights], axis=1)
    bias = errors_nm(track(tracker, images(places)), places)[:, 2]
    grid = this.middle + (np.arange(8) + 0.5) / 8 - 0.5
    ours, theirs = [], []
    for z in np.linspace(this.low_nm + 300, this.high_nm - 300, 3 if QUICK else 9):
        places = np.array([(x, y, z) for x in grid for y in grid])
        still = images(places)
        ours.append(np.ptp(track(tracker, still)["z_nm"]))
        theirs.append(np.ptp(peer.track(still)[:, 2]))
    return [
        Row("z bias, rms", float(rms(bias)), "nm", "<= 0.3"),
        Row("z bias, largest", float(np.abs(bias).max()), "nm", "<= 1"),
        Row(
            "crosstalk of z from x, y, peak to peak, largest",
            max(ours),
            "nm",
            "<= 2",
            "magtrack",
            np.nanmax(theirs),
        ),
    ]


def against_peer(peer: Peer, tracker: BeadTracker) -> list[Row]:
    """RMS of both on the same images with the same table budget."""
    this, rng = case(64), np.random.default_rng(7)
    bead, places = this.bead(), this.places(COUNT // 2, np.random.default_rng(8))
    images = np.stack([this.expose(bead.image(*p, 64), rng) for p in places])
    ours = rms(errors_nm(track(tracker, images), places))
    theirs = rms((peer.track(images) - places) * [PIXEL_NM, PIXEL_NM, 1])
    gain, wanted = theirs / ours, (">= 2", ">= 2", ">= 8")
    rows = [
        Row(f"RMS of {a} at ROI 64", float(o), "nm", "", "magtrack", float(t))
        for a, o, t in zip("xyz", ours, theirs, strict=True)
    ]
    rows += [
        Row(f"magtrack's RMS over ours, {a}", float(g), "x", w)
        for a, g, w in zip("xyz", gain, wanted, strict=True)
    ]
    return rows


def speed() -> list[Row]:
    """Beads a second on one core, interleaved with the peer as published and with a faster histogram."""
    rows = []
    for roi in (50, 64, 100):
        this, rng = case(roi), np.random.default_rng(roi)
        bead = this.bead()
        frames = this.sweep(bead, rng)
        peer, tracker = Peer(frames), BeadTracker(this.tables(frames), roi, **this.camera)
        images = np.stack([this.expose(bead.image(*p, roi), rng) for p in this.places(200, rng)])
        ours, published, faster = [], [], []
        core = peer.magtrack.core
        module = core.cp
        for _ in range(3 if QUICK else 6):
            ours.append(best_of(partial(track, tracker, images), 4))
            published.append(best_of(partial(peer.track, images), 1))
            core.cp = FastHistogram(module)
            faster.append(best_of(partial(peer.track, images), 1))
            core.cp = module
        per_s = [200 / min(times) for times in (ours, published, faster)]
        rows.append(Row(f"beads/s, ROI {roi}, one core", per_s[0], "1/s", "", "magtrack", per_s[1]))
        wanted = ">= 15" if roi == 64 else ""
        rows.append(Row(f"speed over magtrack as published, ROI {roi}", per_s[0] / per_s[1], "x", wanted))
        rows.append(Row(f"speed over magtrack with bincount, ROI {roi}", per_s[0] / per_s[2], "x"))
    return rows


def whole_frame(tables: ZTables) -> list[Row]:
    """500 beads of 64 px in a frame of 2048 x 2048, one and two threads."""
    this, rng = case(64), np.random.default_rng(3)
    z = np.arange(this.low_nm, this.high_nm + 1, 50.0)
    stack = bead_stack(this.radius_um, 0.1, z, 94, taper_px=2)
    y, x = (50.0 + 84 * np.array(np.divmod(np.arange(500), 24))) + rng.uniform(-2, 2, (2, 500))
    frame = np.full((2048, 2048), this.electrons, np.float32)
    render(frame, stack, x, y, rng.uniform(4, len(z) - 5, 500), this.electrons)
    counts = add_noise(frame, gain_e_per_adu=this.gain, read_noise_e=8.0, seed=1)
    corners = np.stack([np.rint(y - 31.5), np.rint(x - 31.5)], axis=1).astype(int)
    many = replace(tables, coefficients=np.repeat(tables.coefficients, 500, axis=0))
    with BeadTracker(many, 64, **this.camera) as one, BeadTracker(many, 64, threads=2, **this.camera) as two:
        same = np.array_equal(one.track(counts, corners).tobytes(), two.track(counts, corners).tobytes())
        single, wall, double = [], [], []
        for _ in range(40 if QUICK else 200):
            single.append(best_of(lambda: one.track(counts, corners), 1))
            wall.append(best_of(lambda: one.track(counts, corners), 1, time.perf_counter))
            double.append(best_of(lambda: two.track(counts, corners), 1, time.perf_counter))
        good = float((one.track(counts, corners)["flags"] == 0).mean())
    return [
        Row(
            "500 beads of 64 px, 2048 x 2048, one core, median", 1e3 * float(np.median(single)), "ms", "<= 12"
        ),
        Row("the same, p99 over median", float(np.percentile(single, 99) / np.median(single)), "x", "<= 1.5"),
        Row("two threads against one, wall time, best of each", min(wall) / min(double), "x", ">= 1.7"),
        Row("results independent of threads", float(same), "", ">= 1"),
        Row("good beads of the 500", good, ""),
    ]


def robustness(tables: ZTables, tracker: BeadTracker) -> list[Row]:
    """Bad regions flagged, beads captured without state, uneven light, images that are not symmetric."""
    this, rng = case(64), np.random.default_rng(11)
    bead, roi, count = this.bead(), 64, 60 if QUICK else 300
    places = this.places(count, rng)
    y, x = np.mgrid[:roi, :roi] - this.middle
    clean = [bead.image(*p, roi) for p in places]

    def dirt() -> np.ndarray:
        image = np.ones((roi, roi))
        for _ in range(rng.integers(1, 5)):
            (cx, cy), (a, b), turn = rng.uniform(-18, 18, 2), rng.uniform(1.5, 8, 2), rng.uniform(0, np.pi)
            u, v = (
                (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn),
                (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn),
            )
            image += rng.uniform(-0.5, 0.5) * np.exp(-((u / a) ** 2) / 2 - (v / b) ** 2 / 2)
        return image

    def second(place: np.ndarray) -> np.ndarray:
        turn, away, z = rng.uniform(0, 2 * np.pi), rng.uniform(8, 50), rng.uniform(this.low_nm, this.high_nm)
        return bead.image(place[0] + away * np.cos(turn), place[1] + away * np.sin(turn), z, roi) - 1

    def beyond() -> np.ndarray:
        away = rng.uniform(30, 450)
        z = this.low_nm - away if rng.random() < 0.5 else this.high_nm + away
        return bead.image(this.middle, this.middle, z, roi)

    def cut() -> np.ndarray:
        return bead.image(
            rng.uniform(-12, 8), rng.uniform(8, 56), rng.uniform(this.low_nm, this.high_nm), roi
        )

    bad = {
        "empty": [np.ones((roi, roi))] * count,
        "off the table": [beyond() for _ in range(count)],
        "two beads": [image + second(p) for image, p in zip(clean, places, strict=True)],
        "dirt": [dirt() for _ in range(count)],
        "edge": [cut() for _ in range(count)],
    }
    rows = []
    for name, images in bad.items():
        found = track(tracker, np.stack([this.expose(image, rng) for image in images]))
        rows.append(
            Row(f"bad regions flagged: {name}", 100 * float((found["flags"] != 0).mean()), "%", ">= 99")
        )
    bound = this.bound(bead, places)
    tilted = BeadTracker(tables, roi, tilted_light=True, **this.camera)
    slope = np.stack([this.expose(image * (1 + 0.1 * x / roi), rng) for image in clean])
    for name, chosen, wanted in (("fitted", tilted, "<= 1.2"), ("ignored", tracker, "")):
        ratio = float((rms(errors_nm(track(chosen, slope), places)) / rms(bound)).max())
        rows.append(Row(f"10 % gradient of light, {name}: worst axis over the bound", ratio, "x", wanted))
    return [*rows, capture(tracker), *asymmetric()]


def capture(tracker: BeadTracker) -> Row:
    """Count beads lost anywhere within 12 px and over the whole table."""
    this, rng = case(64), np.random.default_rng(12)
    bead, lost = this.bead(), 0
    for _ in range(4 if QUICK else 40):
        places = this.places(250, rng, 12.0, 0.0)
        error = errors_nm(
            track(tracker, np.stack([this.expose(bead.image(*p, 64), rng) for p in places])), places
        )
        lost += int((~(np.abs(error) < [10, 10, 30]).all(axis=1)).sum())
    return Row(f"lost of {1000 if QUICK else 10000}, +-12 px and the whole table", lost, "", "<= 0")


def asymmetric() -> list[Row]:
    """Measure what images with coma and astigmatism cost, tables made from such images."""
    this, rng, rows = case(64), np.random.default_rng(13), []
    z = np.arange(this.low_nm, this.high_nm + 1, 50.0)
    for name in ("coma", "astigmatism"):
        for waves in (0.01, 0.02, 0.03):
            stack = bead_stack(this.radius_um, 0.1, z, 96, Optics(**{f"{name}_waves": waves}), taper_px=8)

            def image(x: float, y: float, height: float, stack: np.ndarray = stack) -> np.ndarray:
                out = np.ones((64, 64), np.float32)
                render(out, stack, x, y, (height - z[0]) / 50)
                return out

            frames = [
                (float(h), this.expose(image(*p[:2], h), rng))
                for h in z[::2]
                for p in this.places(10, rng, 2.0)
            ]
            tracker = BeadTracker(this.tables(frames), 64, max_chi2=1e9, **this.camera)
            places = this.places(100, rng)
            found = track(tracker, np.stack([this.expose(image(*p), rng) for p in places]))
            error = errors_nm(found, places)
            walk = np.stack(
                [np.polyval(np.polyfit(places[:, 2], e, 7), places[:, 2]) for e in error.T], axis=1
            )
            spread = rms(error - walk) / rms(this.bound(this.bead(), places))
            rows.append(
                Row(f"{name} {waves} waves: x, scatter over the symmetric bound", float(spread[0]), "x")
            )
            rows.append(
                Row(f"{name} {waves} waves: z, scatter over the symmetric bound", float(spread[2]), "x")
            )
            walk -= walk.mean(axis=0)
            rows.append(Row(f"{name} {waves} waves: x walks with height, RMS", float(rms(walk)[0]), "nm"))
            rows.append(Row(f"{name} {waves} waves: z walks with height, RMS", float(rms(walk)[2]), "nm"))
            rows.append(Row(f"{name} {waves} waves: chi2", float(found["chi2"].mean()), ""))
    return rows


def table_build() -> Row:
    """Time of 1200 frames of a sweep with 20 beads, for each bead."""
    this, rng = case(64), np.random.default_rng(4)
    z = np.arange(this.low_nm, this.high_nm + 1, 50.0)
    stack, corners = bead_stack(this.radius_um, 0.1, z, 80), [(0, 80 * k) for k in range(20)]
    heights = np.repeat(np.arange(this.low_nm, this.high_nm, 100.0), 30)
    frames = []
    for k in range(40):
        frame = np.full((64, 1600), this.electrons, np.float32)
        x, y = 80 * np.arange(20) + this.middle + rng.uniform(-2, 2, 20), this.middle + rng.uniform(-2, 2, 20)
        render(frame, stack, x, y, 2.0 * k, this.electrons)
        frames.append(add_noise(frame, gain_e_per_adu=this.gain, read_noise_e=8.0, seed=k))

    def build() -> None:
        builder = ZTableBuilder(roi_px=64, n_beads=20, **this.camera)
        for k, height in enumerate(heights):
            builder.add(frames[k // 30], corners, z_nm=float(height))
        builder.finish()

    return Row("table build, 1200 frames", 1e3 * best_of(build, 1 if QUICK else 3) / 20, "ms a bead", "<= 50")


def finder() -> list[Row]:
    """Find beads in fields of 1024 x 1024 with mixed heights, dense, and with dirt."""
    z = np.arange(0, 6001, 50.0)
    stack, hits, found_all, truth_all, times = bead_stack(0.525, 0.1, z, 96), 0, 0, 0, []
    for seed, (count, apart, spots) in enumerate([(60, 70, 0), (120, 60, 0), (60, 70, 60), (150, 48, 30)]):
        rng = np.random.default_rng(seed)
        places: list[np.ndarray] = []
        while len(places) < count:
            p = rng.uniform(32, 992, 2)
            if all(np.hypot(*(p - q)) > apart for q in places):
                places.append(p)
        truth, frame = np.array(places), np.full((1024, 1024), 5000, np.float32)
        render(frame, stack, *truth.T, rng.uniform(0, 120, count), 5000)
        y, x = np.mgrid[-25:25, -25:25]
        for cx, cy in rng.integers(25, 999, (spots, 2)):
            spot = rng.uniform(-0.5, 0.5) * np.exp(
                -((x / rng.uniform(1, 5)) ** 2) / 2 - (y / rng.uniform(1, 5)) ** 2 / 2
            )
            if np.hypot(*(truth - [cx, cy]).T).min() > 45:
                frame[cy - 25 : cy + 25, cx - 25 : cx + 25] += 5000 * spot
        counts = add_noise(np.maximum(frame, 0), gain_e_per_adu=4.9, read_noise_e=8.0, seed=seed)
        times.append(best_of(lambda counts=counts: find_beads(counts), 4))
        found = find_beads(counts)
        near = np.hypot(found["x_px"][:, None] - truth[:, 0], found["y_px"][:, None] - truth[:, 1]) < 1
        hits, found_all, truth_all = (
            hits + int(near.any(axis=0).sum()),
            found_all + len(found),
            truth_all + count,
        )
    rows = [
        Row("finder at 1024 x 1024, slowest field", 1e3 * max(times), "ms", "<= 150"),
        Row("finder, recall", hits / truth_all, "", ">= 0.99"),
        Row("finder, precision", hits / max(found_all, 1), "", ">= 0.99"),
    ]
    if "--field" in sys.argv:
        from PIL import Image

        image = np.asarray(Image.open(Path(sys.argv[sys.argv.index("--field") + 1])))
        rows.append(Row("beads found in the real field", len(find_beads(image)), ""))
    return rows


def force() -> list[Row]:
    """Stiffness from 20 s at 100 Hz with full exposure, corners from 3 to 40 Hz."""
    rng, drag, rows = np.random.default_rng(5), 1e-5, []
    for name, fit in (("power spectrum", fit_power_spectrum), ("Allan variance", fit_allan_variance)):
        bias, times = [], []
        for corner in (3, 10, 20, 40):
            stiffness = 2 * np.pi * corner * drag
            for _ in range(10 if QUICK else 40):
                decay = np.exp(-stiffness / drag * 0.01 / 40)
                steps = rng.normal(0, np.sqrt(4.1143 / stiffness * (1 - decay**2)), 40 * 2000)
                trace = lfilter([1.0], [1.0, -decay], steps).reshape(2000, 40).mean(axis=1)
                begin = time.perf_counter()
                result = fit(trace, 100.0)
                times.append(time.perf_counter() - begin)
                bias.append(result.stiffness_pn_per_nm / stiffness - 1)
        rows.append(Row(f"force, {name}, 20 s trace", 1e3 * float(np.median(times)), "ms", "<= 20"))
        rows.append(Row(f"force, {name}, bias", 100 * abs(float(np.mean(bias))), "%", "<= 2"))
    return rows


def main() -> None:
    """Run everything."""
    begin = time.perf_counter()
    warm_up()
    rows = [Row("warm-up with kernels cached", time.perf_counter() - begin, "s")]
    this = case(64)
    frames = this.sweep(this.bead(), np.random.default_rng(2))
    tables = this.tables(frames)
    peer, tracker = Peer(frames), BeadTracker(tables, 64, **this.camera)
    rows += speed() + whole_frame(tables) + [table_build()] + finder() + force()
    rows += (
        bias_and_crosstalk(peer, tracker)
        + against_peer(peer, tracker)
        + robustness(tables, tracker)
        + accuracy()
    )
    report(rows)


if __name__ == "__main__":
    main()
