"""The recorder's frames and rows on their way to the disk, on one core.

Run ``python benchmarks/storage.py [--json] [--quick] [--folder DIR]``. Frames look like a camera's (Poisson
noise on a background). Each round writes the same frames with plain ``os.write``, by the recorder's own path
from the ring into OME-Zarr, and with the peers; the fastest round of each counts, so that what else runs on
the machine does not. Bringing all of it to stable storage at the end is left out. The folder is memory-backed
by default, so that the disk's own speed is left out, too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _report import Row, report
from numpy.typing import NDArray

from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.storage import FrameStore, PartLimits, RowStore, open_frames
from parfocal.storage.intakes import FrameIntake
from parfocal.storage.tables import ROWS_PER_GROUP
from parfocal.streams import StreamWriter, open_stream

SLOTS = 32
PARTS = 15
FOREVER = 2**62
Frames = NDArray[np.uint16]
Seconds = float

TRACK = np.dtype(
    [("frame", "<u8"), ("time_ns", "<i8"), ("written_ns", "<i8"), ("bead", "<i4"), ("roi_version", "<i4")]
    + [(name, "<f8") for name in ("x_px", "y_px", "z_nm")]
    + [(name, "<f4") for name in ("sigma_x_px", "sigma_y_px", "sigma_z_nm", "chi2", "amplitude", "offset")]
    + [("flags", "<u4")]
)


def camera_frames(count: int, size: int) -> Frames:
    random = np.random.default_rng(1)
    light = 200 + 40 * np.hanning(size)[:, None] * np.hanning(size)
    return (
        100 + random.poisson(light, (count, size, size)) + random.normal(0, 2, (count, size, size))
    ).astype("u2")


def plain_write(frames: Frames, folder: Path, repeats: int) -> Seconds:
    handle = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY)
    start = time.perf_counter()
    for _ in range(repeats):
        for frame in frames:
            os.write(handle, frame)
    seconds = time.perf_counter() - start
    os.close(handle)
    return seconds


def recorder(frames: Frames, folder: Path, repeats: int) -> Seconds:
    """Time the intake alone: the camera fills the ring while the clock stands still; one pass to warm up."""
    spec = FrameSpec(shape=frames.shape[1:], dtype="uint16")
    store = FrameStore.create(folder / "frames.ome.zarr", spec, most_per_shard=SLOTS // 4)
    passes = []
    with (
        StreamWriter(folder, "camera", spec, slots=SLOTS) as camera,
        open_stream(folder, "camera").lossless("drop", name="recorder") as reader,
    ):
        intake = FrameIntake(store, open_stream(folder, "camera"))
        for number in range(0, (repeats + 1) * len(frames), SLOTS):
            for offset in range(SLOTS):
                frame = frames[(number + offset) % len(frames)]
                camera.write(frame, FrameHeader(frame=number + offset, time_ns=number + offset))
            start = time.perf_counter()
            while reader.position < number + SLOTS:
                intake.take(reader, FOREVER, 1.0)
            passes.append(time.perf_counter() - start)
    store.close()
    stored = open_frames(store.folder)
    assert stored.shape[0] == (repeats + 1) * len(frames)
    assert np.array_equal(stored[stored.shape[0] - 1].read().result(), frames[-1])
    return sum(passes[len(frames) // SLOTS :])


def ome_writers(backend: str) -> Callable[[Frames, Path, int], Seconds]:
    def write(frames: Frames, folder: Path, repeats: int) -> Seconds:
        import ome_writers as ome

        count, size = repeats * len(frames), frames.shape[1]
        settings = ome.AcquisitionSettings(
            root_path=str(folder / "peer.ome.zarr"),
            dimensions=[
                ome.Dimension(name="t", count=count, chunk_size=1, type="time"),
                ome.Dimension(name="y", count=size, type="space"),
                ome.Dimension(name="x", count=size, type="space"),
            ],
            dtype="uint16",
            compression="blosc-lz4",
            format=ome.OmeZarrFormat(backend=backend),
        )
        start = time.perf_counter()
        with ome.create_stream(settings) as stream:
            for _ in range(repeats):
                for frame in frames:
                    stream.append(frame)
        return time.perf_counter() - start

    return write


def frame_rows(size: int, frames: Frames, rounds: int, repeats: int, root: Path) -> list[Row]:
    ways = {
        "os.write": plain_write,
        "recorder": recorder,
        "ome-writers/tensorstore": ome_writers("tensorstore"),
        "ome-writers/acquire-zarr": ome_writers("acquire-zarr"),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    gigabytes = frames.nbytes * repeats / 1e9
    for turn in range(rounds + 1):
        for name, write in ways.items():
            folder = Path(tempfile.mkdtemp(dir=root))
            seconds = write(frames, folder, repeats)
            shutil.rmtree(folder)
            if turn:  # the first round warms up
                speeds[name].append(gigabytes / seconds)
    fastest = {name: max(speed) for name, speed in speeds.items()}
    ours = fastest["recorder"]
    name = f"frames {size}^2, recorder"
    return [
        Row(f"{name} over os.write", ours / fastest["os.write"], "ratio", ">= 0.6"),
        *(Row(name, ours, "GB/s", "", peer, fastest[peer]) for peer in ways if peer != "recorder"),
    ]


def append_costs(count: int, root: Path) -> list[Row]:
    """Append 1000 rows at a time to a table of `count` rows and, in turn, to one that was empty.

    A part's worth each time, so that row groups and the closing of parts are in the cost.
    """
    rows = np.zeros(1000, TRACK)
    rows["x_px"] = np.random.default_rng(1).normal(size=1000)
    part = 2 * ROWS_PER_GROUP // len(rows)
    folder = Path(tempfile.mkdtemp(dir=root))
    spec, limits = RowSpec.of(TRACK), PartLimits(rows=part * len(rows))
    costs: dict[str, list[list[float]]] = {"long": [], "new": []}
    with RowStore.create(folder / "long", spec) as long:
        while long.stored < count:
            long.append(rows)
    with (
        RowStore.resume(folder / "long", spec, limits=limits) as long,
        RowStore.create(folder / "new", spec, limits=limits) as new,
    ):
        for _ in range(PARTS):
            for name, store in (("new", new), ("long", long)):
                costs[name].append([timed(store.append, rows) for _ in range(part)])
    shutil.rmtree(folder)
    first, last = (float(np.median(np.mean(costs[name], axis=1))) * 1e6 for name in ("new", "long"))
    every = np.array(costs["long"])
    return [
        Row("1000 rows at row 0", first, "us"),
        Row(f"1000 rows at row {count:.0e}", last, "us"),
        Row(f"1000 rows at row {count:.0e} over row 0", last / first, "ratio", "<= 1.2"),
        Row("1000 rows, p99", float(np.percentile(every, 99)) * 1e6, "us"),
        Row("1000 rows, longest (a part is closed)", float(every.max()) * 1e3, "ms"),
    ]


def timed(call: Callable[[Any], None], argument: Any) -> Seconds:
    start = time.perf_counter()
    call(argument)
    return time.perf_counter() - start


def options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--folder", type=Path, help="where to write; memory-backed by default")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    memory = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(dir=chosen.folder or (memory if memory.is_dir() else None)))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rounds = 3 if chosen.quick else 9
    try:
        rows = []
        for size, count, repeats in (
            (512, 64, 2 if chosen.quick else 6),
            (2048, 32, 1 if chosen.quick else 2),
        ):
            rows += frame_rows(size, camera_frames(count, size), rounds, repeats, root)
        rows += append_costs(10**6 if chosen.quick else 10**7, root)
    finally:
        shutil.rmtree(root)
    report(rows)


if __name__ == "__main__":
    main()
