import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from parfocal.core.errors import AlreadyExistsError, BadInputError, FolderVanishedError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.storage.frame_buffer import PlacedFrames
from parfocal.storage.frames import FrameSink
from parfocal.storage.headers import read_headers
from parfocal.storage.ome_zarr import HEADER_CHUNK, Codec
from parfocal.storage.reading import open_frames
from parfocal.streams import HEADER_DTYPE, FrameBatch

SPEC = FrameSpec(shape=(16, 24), dtype="uint16", pixel_size_um=0.1)


def picture(number: int, spec: FrameSpec = SPEC) -> np.ndarray:
    return np.full(spec.shape, number % 60000 + 1, spec.dtype)


def batch(*numbers: int, spec: FrameSpec = SPEC) -> FrameBatch:
    headers = np.zeros(len(numbers), HEADER_DTYPE)
    headers["frame"] = numbers
    headers["time_ns"] = 1000 * headers["frame"]
    return FrameBatch(np.stack([picture(number, spec) for number in numbers]), headers)


def put(store: FrameSink, *indices: int) -> None:
    where = np.array(indices)
    store.put(PlacedFrames(where, where, batch(*indices, spec=store.layout.spec)))


def pixels(folder: Path) -> np.ndarray:
    return open_frames(folder).read().result()


@pytest.mark.parametrize("codec", ["blosc-lz4", "blosc-zstd", "none"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_is_written_is_read(tmp_path: Path, codec: Codec, dtype: str) -> None:
    spec = FrameSpec(shape=(16, 24), dtype=dtype)
    frames = np.random.default_rng(1).integers(0, 200, (21, 16, 24)).astype(dtype)
    with FrameSink.create(tmp_path / "a.ome.zarr", spec, codec=codec, most_per_shard=8) as store:
        for number, frame in enumerate(frames):
            store.write(frame, FrameHeader(frame=number + 500, time_ns=number, utc_ns=7, exposure_ns=3))
        assert store.length == 16
    np.testing.assert_array_equal(pixels(store.folder), frames)
    headers = read_headers(store.folder)
    np.testing.assert_array_equal(headers["frame"], np.arange(500, 521))
    np.testing.assert_array_equal(headers["time_ns"], np.arange(21))
    assert set(headers["utc_ns"]) == {7}
    assert set(headers["exposure_ns"]) == {3}


@pytest.mark.parametrize(
    ("axes", "shape"), [("yx", (8, 9)), ("zyx", (3, 8, 9)), ("cyx", (2, 8, 9)), ("czyx", (2, 3, 8, 9))]
)
def test_any_reader_of_ome_zarr_accepts_it(tmp_path: Path, axes: str, shape: tuple[int, ...]) -> None:
    import yaozarrs

    spec = FrameSpec(shape=shape, dtype="uint8", axes=axes, pixel_size_um=0.25)
    folder = tmp_path / "run.ome.zarr"
    with FrameSink.create(folder, spec) as store:
        for number in range(3):
            store.write(picture(number, spec), FrameHeader(frame=number, time_ns=number * 20_000_000))
        yaozarrs.validate_zarr_store(str(folder))
    group = yaozarrs.validate_zarr_store(str(folder))
    image = group.ome_metadata().multiscales[0]
    assert [axis.name for axis in image.axes] == ["t", *axes]
    scale = image.datasets[0].coordinateTransformations[0].scale
    assert scale[0] == pytest.approx(0.02)
    assert scale[-2:] == [0.25, 0.25]
    assert image.axes[-1].unit == "micrometer"


def test_zarr_python_reads_pixels_and_headers(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    with FrameSink.create(tmp_path / "run.ome.zarr", SPEC) as store:
        put(store, 0, 2)
    group = zarr.open_group(str(store.folder), mode="r")
    np.testing.assert_array_equal(
        group["0"][:], np.stack([picture(0), np.zeros_like(picture(0)), picture(2)])
    )
    assert group["headers"][:, 0].tolist() == [0, -1, 2]


def test_a_buffer_may_be_reused_at_once(tmp_path: Path) -> None:
    buffer = np.empty(SPEC.shape, SPEC.dtype)
    with FrameSink.create(tmp_path / "a", SPEC, most_per_shard=4) as store:
        for number in range(40):
            buffer[:] = number
            store.write(buffer, FrameHeader(frame=number))
            buffer[:] = 9999
    assert pixels(store.folder)[:, 0, 0].tolist() == list(range(40))


def test_a_gap_shifts_nothing_and_is_told(tmp_path: Path) -> None:
    with FrameSink.create(tmp_path / "a", SPEC) as store:
        for number in (100, 101, 104, 105):
            store.write(picture(number), FrameHeader(frame=number))
    assert (store.length, store.stored) == (6, 4)
    assert read_headers(store.folder)["frame"].tolist() == [100, 101, -1, -1, 104, 105]
    assert pixels(store.folder)[:, 0, 0].tolist() == [101, 102, 0, 0, 105, 106]


def test_frames_may_come_in_blocks_of_any_size_over_many_header_chunks(tmp_path: Path) -> None:
    spec = FrameSpec(shape=(2, 2), dtype="uint16")
    numbers = [
        n for n in range(2 * HEADER_CHUNK + 10) if n % 1000 != 7 and not HEADER_CHUNK <= n < HEADER_CHUNK + 3
    ]
    blocks = np.array_split(numbers, 23)
    with FrameSink.create(tmp_path / "a", spec) as store:
        for block in blocks:
            put(store, *block.tolist())
    headers = read_headers(store.folder)
    assert np.flatnonzero(headers["frame"] >= 0).tolist() == numbers
    stored = pixels(store.folder)
    assert stored[numbers, 0, 0].tolist() == [n % 60000 + 1 for n in numbers]


def test_the_file_claims_only_what_is_in_it(tmp_path: Path) -> None:
    with FrameSink.create(tmp_path / "a", SPEC, most_per_shard=8) as store:
        assert open_frames(store.folder).shape[0] == 0
        for number in range(11):
            store.write(picture(number), FrameHeader(frame=number))
        assert open_frames(store.folder).shape[0] == 8
        store.flush()
        assert open_frames(store.folder).shape[0] == 11
        assert pixels(store.folder)[:, 3, 3].tolist() == list(range(1, 12))


def test_resuming_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    first = FrameSink.create(tmp_path / "a", SPEC, first_sequence=40, most_per_shard=8)
    for number in range(8):
        first.write(picture(number), FrameHeader(frame=number + 5))
    first.write(picture(8), FrameHeader(frame=13))  # taken, never flushed: the process ends here
    first.abandon()
    second = FrameSink.resume(first.folder)
    assert (second.length, second.stored, second.numbering.next_sequence) == (8, 8, 48)
    assert second.numbering.place(50, 15) == 10
    put(second, 10)
    second.close()
    assert read_headers(first.folder)["frame"].tolist() == [5, 6, 7, 8, 9, 10, 11, 12, -1, -1, 10]


def test_resuming_an_image_without_frames(tmp_path: Path) -> None:
    FrameSink.create(tmp_path / "a", SPEC, first_sequence=40)
    store = FrameSink.resume(tmp_path / "a", first_sequence=40)
    assert store.numbering.place(42, 7) == 2


def test_frames_offered_again_are_stored_once(tmp_path: Path) -> None:
    with FrameSink.create(tmp_path / "a", SPEC, first_sequence=70) as store:
        store.append(batch(5, 6, 7), 70)
        store.append(batch(6, 7, 8), 71)
        store.append(batch(7), 72)
        assert store.stored == 4
    assert pixels(store.folder)[:, 0, 0].tolist() == [6, 7, 8, 9]
    assert read_headers(store.folder)["sequence"].tolist() == [70, 71, 72, 73]


def test_what_the_ring_lost_leaves_a_gap_at_the_beginning_too(tmp_path: Path) -> None:
    with FrameSink.create(tmp_path / "a", SPEC, first_sequence=70) as store:
        store.append(batch(5), 72)
        store.append(batch(9), 74)
    assert read_headers(store.folder)["frame"].tolist() == [-1, -1, 5, -1, -1, -1, 9]


def test_what_ran_into_a_full_shard_is_brought_in_by_the_next(tmp_path: Path) -> None:
    with FrameSink.create(tmp_path / "a", SPEC, most_per_shard=4) as store:
        for first in range(0, 30, 3):
            store.append(batch(first, first + 1, first + 2), first)
    assert pixels(store.folder)[:, 0, 0].tolist() == list(range(1, 31))


def test_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(AlreadyExistsError, match="never overwritten"):
        FrameSink.create(tmp_path / "a", SPEC)


@pytest.mark.parametrize("wrong", [np.zeros((16, 23), "uint16"), np.zeros((16, 24), "uint8")])
def test_a_frame_that_does_not_fit_is_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    store = FrameSink.create(tmp_path / "a", SPEC)
    with pytest.raises(BadInputError, match="do not fit"):
        store.write(wrong, FrameHeader(frame=0))
    assert store.numbering.next_index == 0


@pytest.mark.parametrize(
    "spec",
    [
        FrameSpec(shape=(4, 4), dtype="uint8", axes="xy"),
        FrameSpec(shape=(4, 4, 4), dtype="uint8", axes="zcy"),
        FrameSpec(shape=(4, 4), dtype="complex64"),
        FrameSpec(shape=(4, 4), dtype=">u2"),
    ],
)
def test_a_spec_that_ome_zarr_cannot_hold_is_refused(tmp_path: Path, spec: FrameSpec) -> None:
    with pytest.raises(BadInputError):
        FrameSink.create(tmp_path / "a", spec)
    assert not (tmp_path / "a").exists()


def test_a_folder_that_vanished_is_named_and_not_made_again(tmp_path: Path) -> None:
    store = FrameSink.create(tmp_path / "a", SPEC)
    put(store, 0)
    store.folder.rename(tmp_path / "elsewhere")
    with pytest.raises(FolderVanishedError, match="disappeared"):
        put(store, 1)
    store.abandon()
    assert not store.folder.exists()


def test_a_full_disk_is_named_and_leaves_the_file_true(tmp_path: Path) -> None:
    program = """
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from parfocal.core.errors import DiskFullError
        from parfocal.core.frames import FrameHeader, FrameSpec
        from parfocal.storage import FrameSink

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        random = np.random.default_rng(0)
        spec = FrameSpec(shape=(64, 64), dtype="uint16")
        store = FrameSink.create(Path(sys.argv[1]), spec, most_per_shard=8)
        number = 0
        def write(frame):
            global number
            store.write(frame.astype("uint16"), FrameHeader(frame=number))
            number += 1
        for _ in range(16):
            write(np.zeros((64, 64)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            for _ in range(8):
                write(random.integers(0, 60000, (64, 64)))
        except DiskFullError as error:
            store.abandon()
            print(error)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "is full" in run.stdout, run.stderr
    assert open_frames(tmp_path / "a").shape[0] == 16
    assert FrameSink.resume(tmp_path / "a").stored == 16


KILLED = """
    import sys, numpy as np
    from pathlib import Path
    from parfocal.core.frames import FrameHeader, FrameSpec
    from parfocal.storage import FrameSink

    store = FrameSink.create(Path(sys.argv[1]), FrameSpec(shape=(16, 24), dtype="uint16"), most_per_shard=8)
    number = 0
    while True:
        store.write(np.full((16, 24), number % 60000 + 1, "uint16"), FrameHeader(frame=number))
        number += 1
        if number % 3 == 0:
            store.flush()
            print(number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 30, 100])
def test_everything_acknowledged_survives_a_kill(tmp_path: Path, after: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "a")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    acknowledged = 0
    for _ in range(after):
        acknowledged = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    lines = process.stdout.read().splitlines(keepends=True)
    process.wait()
    process.stdout.close()
    acknowledged = max([acknowledged, *(int(line) for line in lines if line.endswith("\n"))])
    stored = pixels(tmp_path / "a")
    assert len(stored) >= acknowledged
    np.testing.assert_array_equal(stored[:, 0, 0], np.arange(len(stored)) % 60000 + 1)
    assert FrameSink.resume(tmp_path / "a").stored == len(stored)
