"""How well and how fast beads are tracked, beside the Cramer-Rao bound and magtrack 1.0, same images.

    python benchmarks/tracking.py [--json] [--quick | --short] [--only PART] [--field IMAGE]

Images: Lorenz-Mie scattering and a Debye integral, NA 1.2 in water, 100 nm pixels, shot noise, 8 e- read
noise; tables from 30 noisy self-centred frames on each 100 nm plane. Times on one core are CPU times, the
best of several runs, with the peer interleaved; those of two threads are wall times.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from _beads import PIXEL_NM, FastHistogram, Peer, case, errors_nm, rms, track
from _report import Failed, Parts, Row, Size, attempt, following, parser, run
from scipy.signal import lfilter

from parfocal.tracking import BeadTracker, ZTableBuilder, ZTables, find_beads, warm_up
from parfocal.tracking.force import fit_allan_variance, fit_power_spectrum
from parfocal.tracking.simulation import Optics, add_noise, bead_stack, render


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


def many(size: Size) -> int:
    """Return how many images an RMS is taken over."""
    return size.of(1200, 300, 20)


def of_sweep(size: Size) -> int:
    """Return how many noisy frames of each plane a table is made from, self-centred."""
    return size.of(30, 30, 3)


def accuracy(size: Size) -> list[Row]:
    """RMS errors over the bound and over the predicted sigma, chi2, good rows flagged."""
    rows, pulls, chi2, flagged = [], [], [], []
    for roi in size.of((50, 64, 100), (50, 64, 100), (50,)):
        for electrons in size.of((200.0, 5000.0, 30000.0), (200.0, 5000.0, 30000.0), (5000.0,)):
            this, rng = case(roi, electrons), np.random.default_rng([roi, int(electrons)])
            bead = this.bead()
            tracker = BeadTracker(this.tables(this.sweep(bead, rng, of_sweep(size))), roi, **this.camera)
            places = this.places(many(size), rng)
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
    rows.append(Row("predicted sigma against true RMS, worst of all", 100 * float(off.max()), "%"))
    rows.append(
        Row("chi2 of good fits, farthest from 1", float(np.abs(np.array(chi2) - 1).max()), "", "<= 0.05")
    )
    rows.append(Row("good beads flagged", 100 * float(np.mean(flagged)), "%", "<= 1"))
    return rows


def bias_and_crosstalk(size: Size, peer: Peer | Failed, tracker: BeadTracker) -> list[Row]:
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
    for z in np.linspace(this.low_nm + 300, this.high_nm - 300, size.of(9, 3, 1)):
        places = np.array([(x, y, z) for x in grid for y in grid])
        still = images(places)
        ours.append(np.ptp(track(tracker, still)["z_nm"]))
        theirs.append(following(positions(peer, still), by=lambda found: np.ptp(found[:, 2])))
    return [
        Row("z bias, rms", float(rms(bias)), "nm", "<= 0.3"),
        Row("z bias, largest", float(np.abs(bias).max()), "nm", "<= 1"),
        Row(
            "crosstalk of z from x, y, peak to peak, largest",
            max(ours),
            "nm",
            "<= 2",
            "magtrack",
            following(*theirs, by=lambda *values: np.nanmax(values)),
        ),
    ]


def positions(peer: Peer | Failed, images: np.ndarray) -> np.ndarray | Failed:
    """Return x, y, z as the peer has them, (n, 3)."""
    return following(peer, by=lambda there: attempt(there.track, images))


def against_peer(size: Size, peer: Peer | Failed, tracker: BeadTracker) -> list[Row]:
    """RMS of both on the same images with the same table budget."""
    this, rng = case(64), np.random.default_rng(7)
    bead, places = this.bead(), this.places(many(size) // 2, np.random.default_rng(8))
    images = np.stack([this.expose(bead.image(*p, 64), rng) for p in places])
    ours = rms(errors_nm(track(tracker, images), places))
    theirs = following(
        positions(peer, images), by=lambda found: rms((found - places) * [PIXEL_NM, PIXEL_NM, 1])
    )
    rows = []
    for axis, own, wanted in zip("xyz", ours, (">= 2", ">= 2", ">= 8"), strict=True):
        their = following(theirs, by=lambda found, axis=axis: float(found["xyz".index(axis)]))
        gain = following(their, by=lambda value, own=own: value / float(own))
        rows.append(Row(f"RMS of {axis} at ROI 64", float(own), "nm", "", "magtrack", their))
        rows.append(Row(f"magtrack's RMS over ours, {axis}", gain, "x", wanted))
    return rows


def peer_times(peer: Peer, images: np.ndarray) -> tuple[float, float]:
    """Return the peer's time as published, and with a faster histogram."""
    core = peer.magtrack.core
    published, module = best_of(partial(peer.track, images), 1), core.cp
    core.cp = FastHistogram(module)
    try:
        return published, best_of(partial(peer.track, images), 1)
    finally:
        core.cp = module


def speed(size: Size) -> Iterator[Row]:
    """Beads a second on one core, interleaved with the peer as published and with a faster histogram."""
    count = size.of(200, 200, 20)
    for roi in (50, 64, 100):
        this, rng = case(roi), np.random.default_rng(roi)
        bead = this.bead()
        frames = this.sweep(bead, rng, of_sweep(size))
        peer, tracker = attempt(Peer, frames), BeadTracker(this.tables(frames), roi, **this.camera)
        images = np.stack([this.expose(bead.image(*p, roi), rng) for p in this.places(count, rng)])
        ours, theirs = [], []
        for _ in range(size.of(6, 3, 1)):
            ours.append(best_of(partial(track, tracker, images), 4))
            theirs.append(following(peer, by=lambda there, what=images: attempt(peer_times, there, what)))
        own = count / min(ours)
        published, faster = (
            following(*theirs, by=lambda *times, which=which: count / min(pair[which] for pair in times))
            for which in (0, 1)
        )
        yield Row(f"beads/s, ROI {roi}, one core", own, "1/s", "", "magtrack", published)
        for what, their, wanted in (
            ("as published", published, ">= 15" if roi == 64 else ""),
            ("with bincount", faster, ""),
        ):
            ratio = following(their, by=lambda per_s, own=own: own / per_s)
            yield Row(f"speed over magtrack {what}, ROI {roi}", ratio, "x", wanted)


def whole_frame(size: Size, tables: ZTables) -> list[Row]:
    """500 beads of 64 px in a frame of 2048 x 2048, one and two threads."""
    this, rng = case(64), np.random.default_rng(3)
    z = np.arange(this.low_nm, this.high_nm + 1, 50.0)
    stack = bead_stack(this.radius_um, 0.1, z, 94, taper_px=2)
    y, x = (50.0 + 84 * np.array(np.divmod(np.arange(500), 24))) + rng.uniform(-2, 2, (2, 500))
    frame = np.full((2048, 2048), this.electrons, np.float32)
    render(frame, stack, x, y, rng.uniform(4, len(z) - 5, 500), this.electrons)
    counts = add_noise(frame, gain_e_per_adu=this.gain, read_noise_e=8.0, seed=1)
    corners = np.stack([np.rint(y - 31.5), np.rint(x - 31.5)], axis=1).astype(int)
    many = tables.only([0] * 500, ())
    with BeadTracker(many, 64, **this.camera) as one, BeadTracker(many, 64, threads=2, **this.camera) as two:
        same = np.array_equal(one.track(counts, corners).tobytes(), two.track(counts, corners).tobytes())
        single, wall, double = [], [], []
        for _ in range(size.of(200, 40, 5)):
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


def robustness(size: Size, tables: ZTables, tracker: BeadTracker) -> list[Row]:
    """Bad regions flagged, beads captured without state, uneven light, images that are not symmetric."""
    this, rng = case(64), np.random.default_rng(11)
    bead, roi, count = this.bead(), 64, size.of(300, 60, 10)
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
    return [*rows, capture(size, tracker), *asymmetric(size)]


def capture(size: Size, tracker: BeadTracker) -> Row:
    """Count beads lost anywhere within 12 px and over the whole table."""
    this, rng = case(64), np.random.default_rng(12)
    bead, lost, rounds, each = this.bead(), 0, size.of(40, 4, 1), size.of(250, 250, 20)
    for _ in range(rounds):
        places = this.places(each, rng, 12.0, 0.0)
        error = errors_nm(
            track(tracker, np.stack([this.expose(bead.image(*p, 64), rng) for p in places])), places
        )
        lost += int((~(np.abs(error) < [10, 10, 30]).all(axis=1)).sum())
    return Row(f"lost of {rounds * each}, +-12 px and the whole table", lost, "", "<= 0")


def asymmetric(size: Size) -> list[Row]:
    """Measure what images with coma and astigmatism cost, tables made from such images."""
    this, rng, rows = case(64), np.random.default_rng(13), []
    z = np.arange(this.low_nm, this.high_nm + 1, 50.0)
    for name in ("coma", "astigmatism"):
        for waves in size.of((0.01, 0.02, 0.03), (0.01, 0.02, 0.03), (0.02,)):
            stack = bead_stack(this.radius_um, 0.1, z, 96, Optics(**{f"{name}_waves": waves}), taper_px=8)

            def image(x: float, y: float, height: float, stack: np.ndarray = stack) -> np.ndarray:
                out = np.ones((64, 64), np.float32)
                render(out, stack, x, y, (height - z[0]) / 50)
                return out

            frames = [
                (float(h), this.expose(image(*p[:2], h), rng))
                for h in z[::2]
                for p in this.places(size.of(10, 10, 2), rng, 2.0)
            ]
            tracker = BeadTracker(this.tables(frames), 64, max_chi2=1e9, **this.camera)
            places = this.places(size.of(100, 100, 20), rng)
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


def table_build(size: Size) -> Row:
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

    return Row("table build, 1200 frames", 1e3 * best_of(build, size.of(3, 1, 1)) / 20, "ms a bead", "<= 50")


def finder(size: Size, field: Path | None) -> list[Row]:
    """Find beads in fields of 1024 x 1024 with mixed heights, dense, and with dirt."""
    z = np.arange(0, 6001, 50.0)
    stack, hits, found_all, truth_all, times = bead_stack(0.525, 0.1, z, 96), 0, 0, 0, []
    fields = [(60, 70, 0), (120, 60, 0), (60, 70, 60), (150, 48, 30)]
    for seed, (count, apart, spots) in enumerate(size.of(fields, fields, fields[:1])):
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
    if field is not None:
        from PIL import Image

        image = np.asarray(Image.open(field))
        rows.append(Row("beads found in the real field", len(find_beads(image)), ""))
    return rows


def force(size: Size) -> list[Row]:
    """Stiffness from 20 s at 100 Hz with full exposure, corners from 3 to 40 Hz."""
    rng, drag, rows = np.random.default_rng(5), 1e-5, []
    for name, fit in (("power spectrum", fit_power_spectrum), ("Allan variance", fit_allan_variance)):
        bias, times = [], []
        for corner in (3, 10, 20, 40):
            stiffness = 2 * np.pi * corner * drag
            for _ in range(size.of(40, 10, 1)):
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


def warming_up() -> Row:
    """Time what a process spends before its first frame."""
    return Row("warm-up with kernels cached", best_of(warm_up, 1, time.perf_counter), "s")


class Setting:
    """The table, the tracker and the peer that several parts share, made when the first asks."""

    def __init__(self, size: Size) -> None:
        this = case(64)
        frames = this.sweep(this.bead(), np.random.default_rng(2), of_sweep(size))
        self.tables = this.tables(frames)
        self.peer, self.tracker = attempt(Peer, frames), BeadTracker(self.tables, 64, **this.camera)


def parts(field: Path | None) -> Parts:
    """Return what is measured, in this order."""
    shared = lru_cache(Setting)
    return {
        "warm-up": lambda _: [
            Row("warm-up with kernels cached", best_of(warm_up, 1, time.perf_counter), "s")
        ],
        "speed": speed,
        "frame": lambda size: whole_frame(size, shared(size).tables),
        "table": lambda size: [table_build(size)],
        "finder": lambda size: finder(size, field),
        "force": force,
        "bias": lambda size: bias_and_crosstalk(size, shared(size).peer, shared(size).tracker),
        "peer": lambda size: against_peer(size, shared(size).peer, shared(size).tracker),
        "robustness": lambda size: robustness(size, shared(size).tables, shared(size).tracker),
        "accuracy": accuracy,
    }


def main() -> int:
    """Run everything."""
    options = parser(__doc__)
    options.add_argument("--field", type=Path, help="an image in which beads are found and counted, too")
    chosen = options.parse_args()
    return run(parts(chosen.field), chosen)


if __name__ == "__main__":
    sys.exit(main())
