"""The recorder's frames and rows on their way to the disk, on one core.

Run ``python benchmarks/storage.py [--json] [--quick | --short] [--folder DIR]``. Frames look like a camera's
(Poisson noise on a background). Each round writes the same frames with plain ``os.write``, by the recorder's
own path from the ring into OME-Zarr, and with the peers, each in a process of its own; the fastest round
of each counts, so that what else runs on the machine does not. Bringing all of it to stable storage at the
end is left out. The folder is memory-backed by default, so that the disk's own speed is left out, too.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _aside import Aside
from _report import Failed, Row, Size, following, parser, run
from numpy.typing import NDArray

from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.storage import FrameSink, PartLimits, RowSink, open_frames
from parfocal.storage.source import Source
from parfocal.storage.tables import ROWS_PER_GROUP
from parfocal.streams import StreamWriter, open_stream

SLOTS = 32
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
    """Time the way from the ring to the file: the camera fills the ring while the clock stands still."""
    spec = FrameSpec(shape=frames.shape[1:], dtype="uint16")
    sink = FrameSink.create(folder / "frames.ome.zarr", spec, most_per_shard=SLOTS // 4)
    passes = []
    with (
        StreamWriter(folder, "camera", spec, slots=SLOTS) as camera,
        closing(Source(folder, open_stream(folder, "camera"), "drop", "recorder")) as source,
    ):
        for number in range(0, (repeats + 1) * len(frames), SLOTS):
            for offset in range(SLOTS):
                frame = frames[(number + offset) % len(frames)]
                camera.write(frame, FrameHeader(frame=number + offset, time_ns=number + offset))
            start = time.perf_counter()
            while source.position < number + SLOTS:
                with source.lease(sink.batch, 1.0) as (some, sequence, is_all):
                    sink.append(some, sequence, more=not is_all and len(some) < sink.batch)
            passes.append(time.perf_counter() - start)
    sink.close()
    stored = open_frames(sink.folder)
    assert stored.shape[0] == (repeats + 1) * len(frames)
    assert np.array_equal(stored[stored.shape[0] - 1].read().result(), frames[-1])
    return sum(passes[len(frames) // SLOTS :])  # one pass to warm up


def ome_writers(stack: Path, backend: str, repeats: int, folder: Path) -> Seconds:
    """Time a peer with the frames that a file holds: it runs in a process of its own."""
    import ome_writers as ome

    frames = np.load(stack)
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


BACKENDS = ("tensorstore", "acquire-zarr")


def frame_rows(size: int, count: int, rounds: int, repeats: int, root: Path) -> Iterator[Row]:
    """Write frames in all ways in turn; the fastest round of each counts, the first warms up."""
    frames, stack = camera_frames(count, size), root / "frames.npy"
    np.save(stack, frames)
    with ExitStack() as peers:
        ways: dict[str, Callable[[Path], Seconds | Failed]] = {
            "os.write": lambda folder: plain_write(frames, folder, repeats),
            "recorder": lambda folder: recorder(frames, folder, repeats),
        }
        for backend in BACKENDS:
            aside = peers.enter_context(Aside())
            ways[f"ome-writers/{backend}"] = partial(aside.call, ome_writers, stack, backend, repeats)
        found: dict[str, list[Seconds | Failed]] = {name: [] for name in ways}
        for _ in range(rounds + 1):
            for name, write in ways.items():
                folder = Path(tempfile.mkdtemp(dir=root))
                found[name].append(write(folder))
                shutil.rmtree(folder)
    gigabytes = frames.nbytes * repeats / 1e9
    fastest = {name: following(*all_, by=lambda *s: gigabytes / min(s[1:])) for name, all_ in found.items()}
    name, ours = f"frames {size}^2, recorder", fastest["recorder"]
    yield Row(f"{name} over os.write", ours / fastest["os.write"], "ratio", ">= 0.6")
    for backend in BACKENDS:
        yield Row(name, ours, "GB/s", "", f"ome-writers/{backend}", fastest[f"ome-writers/{backend}"])


def append_costs(count: int, root: Path, parts: int) -> list[Row]:
    """Append 1000 rows at a time to a table of `count` rows and, in turn, to one that was empty.

    A part's worth each time, so that row groups and the closing of parts are in the cost.
    """
    rows = np.zeros(1000, TRACK)
    rows["x_px"] = np.random.default_rng(1).normal(size=1000)
    part = 2 * ROWS_PER_GROUP // len(rows)
    folder = Path(tempfile.mkdtemp(dir=root))
    spec, limits = RowSpec.of(TRACK), PartLimits(rows=part * len(rows))
    costs: dict[str, list[list[float]]] = {"long": [], "new": []}
    with RowSink.create(folder / "long", spec) as long:
        while long.stored < count:
            long.append(rows)
    with (
        RowSink.resume(folder / "long", spec, limits=limits) as long,
        RowSink.create(folder / "new", spec, limits=limits) as new,
    ):
        for _ in range(parts):
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


def frames_part(size: Size, root: Path) -> Iterator[Row]:
    """Measure small and large frames."""
    rounds = size.of(9, 3, 1)
    yield from frame_rows(512, 64, rounds, size.of(6, 2, 1), root)
    yield from frame_rows(size.of(2048, 2048, 1024), 32, rounds, size.of(2, 1, 1), root)


def rows_part(size: Size, root: Path) -> list[Row]:
    """Measure appending to a long table."""
    return append_costs(size.of(10**7, 10**6, 10**5), root, size.of(15, 15, 2))


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--folder", type=Path, help="where to write; memory-backed by default")
    chosen = options.parse_args()
    memory = Path("/dev/shm")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # of the peers' processes, too
    with tempfile.TemporaryDirectory(dir=chosen.folder or (memory if memory.is_dir() else None)) as root:
        parts = {"frames": frames_part, "rows": rows_part}
        return run({name: partial(part, root=Path(root)) for name, part in parts.items()}, chosen)


if __name__ == "__main__":
    sys.exit(main())
