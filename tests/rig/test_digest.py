import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from parfocal.core.frames import RowSpec
from parfocal.rig.digest import TrackDigest, digest_of, sampled_rows
from parfocal.storage import PartLimits, RowSink, iter_rows, read_array

ROW = np.dtype(
    [("frame", "<u8"), ("time_ns", "<i8"), ("written_ns", "<i8"), ("bead", "<i4"), ("flags", "<u4")]
)
BEADS = 50


def rows_of(first: int, frames: int) -> np.ndarray:
    rows = np.zeros(frames * BEADS, ROW)
    frame = np.repeat(np.arange(first, first + frames), BEADS)
    rows["frame"], rows["bead"] = frame, np.tile(np.arange(BEADS), frames)
    rows["time_ns"] = frame * 10_000_000
    rows["written_ns"] = rows["time_ns"] + 1_000_000 * (1 + frame % 3)
    rows["flags"] = np.where(rows["bead"] == 0, 8, 0)
    return rows


def table(path: Path, frames: int) -> Path:
    with RowSink.create(path, RowSpec.of(ROW), limits=PartLimits(rows=200_000)) as sink:
        for first in range(0, frames, 1000):
            sink.append(rows_of(first, min(1000, frames - first)))
    return path


@pytest.mark.parametrize("cut", [1, 7, 50, 333])
def test_it_is_the_same_however_the_rows_come(cut: int) -> None:
    rows = rows_of(0, 40)
    digest = TrackDigest()
    for start in range(0, len(rows), cut):
        digest.add(rows[start : start + cut])
    assert (digest.rows, digest.frames, digest.flagged()) == (2000, 40, {"bad fit": 0.02})
    assert digest.latency_ms() == {"p50": 2.0, "p99": 3.0}
    assert digest.rates()["camera"] == 100.0


def test_the_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    peaks = []
    for frames in (2_000, 16_000):
        path = table(tmp_path / str(frames), frames)
        tracemalloc.start()
        digest = digest_of(path)
        every = max(1, digest.rows // 50_000)
        some = sampled_rows(path, every)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (digest.frames, len(some)) == (frames, -(-frames // every) * BEADS)
    assert peaks[1] < 1.5 * peaks[0], peaks


def test_batches_are_the_table(tmp_path: Path) -> None:
    path = table(tmp_path / "t", 5000)
    parts = list(iter_rows(str(path), ["frame", "flags"]))
    assert len(parts) > 1
    assert all(part.dtype.names == ("frame", "flags") for part in parts)
    whole = read_array(path)
    assert np.array_equal(np.concatenate([part["frame"] for part in parts]), whole["frame"])
    with pytest.raises(ValueError, match="no column 'z'"):
        next(iter_rows(path, ["z"]))
