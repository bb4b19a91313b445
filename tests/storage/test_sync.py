import os
import time
from pathlib import Path

import numpy as np
import pytest

from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.storage.frames import FrameSink
from parfocal.storage.headers import HEADER_CHUNK
from parfocal.storage.sync import SyncThread, sync_tree
from parfocal.storage.tables import PartLimits, RowSink

SPEC = FrameSpec(shape=(2, 2), dtype="uint16")
ROW = np.dtype([("n", "<u8")])


class Synced:
    """What was brought to stable storage, in order, and when it was last.

    Threads of tests before may still bring something there: what counts is what lies in a folder.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[int] = []
        self._last_ns: dict[int, int] = {}
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._note)

    def left_out(self, folder: Path) -> list[str]:
        """Return what changed in `folder` after it was synced."""
        found = [folder, *folder.rglob("*")]
        return [str(p) for p in found if self._last_ns.get(p.stat().st_ino, 0) < p.stat().st_mtime_ns]

    def count(self, folder: Path, since: int = 0) -> int:
        """Return how often something in `folder` was synced, after the first `since` of all."""
        inside = {path.stat().st_ino for path in (folder, *folder.rglob("*"))}
        return sum(file in inside for file in self.files[since:])

    def _note(self, handle: int) -> None:
        began_ns = time.time_ns()
        self._fsync(handle)
        file = os.fstat(handle).st_ino
        self.files.append(file)
        self._last_ns[file] = max(began_ns, self._last_ns.get(file, 0))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    return Synced(monkeypatch)


def write(store: FrameSink, first: int, count: int) -> None:
    for number in range(first, first + count):
        store.write(np.full(SPEC.shape, number % 60000, SPEC.dtype), FrameHeader(frame=number))


def append(store: RowSink, first: int, count: int) -> None:
    for number in range(first, first + count):
        store.append(np.array([(number,)], ROW))


def test_everything_of_an_image_is_synced_when_it_is_closed(tmp_path: Path, synced: Synced) -> None:
    first = FrameSink.create(tmp_path / "a", SPEC, most_per_shard=64)
    write(first, 0, 100)
    first.flush()
    first.abandon()
    second = FrameSink.resume(tmp_path / "a")
    write(second, 100, HEADER_CHUNK)
    second.close()
    assert synced.left_out(second.folder) == []


def test_everything_of_a_table_is_synced_when_it_is_closed(tmp_path: Path, synced: Synced) -> None:
    first = RowSink.create(tmp_path / "t", RowSpec.of(ROW), limits=PartLimits(rows=10))
    append(first, 0, 33)
    first.abandon()
    second = RowSink.resume(tmp_path / "t", RowSpec.of(ROW))
    append(second, 33, 5)
    second.close()
    assert second.stored == 38
    assert synced.left_out(second.folder) == []


@pytest.mark.parametrize("shards", [2, 200])
def test_the_end_of_an_image_costs_the_same_at_any_length(
    tmp_path: Path, synced: Synced, shards: int
) -> None:
    store = FrameSink.create(tmp_path / "a", SPEC, most_per_shard=2)
    write(store, 0, 2 * shards)
    store._syncing.wait()
    before = len(synced.files)
    store.close()
    assert synced.count(store.folder, before) == 10
    assert synced.left_out(store.folder) == []


@pytest.mark.parametrize("parts", [2, 50])
def test_the_end_of_a_table_costs_the_same_at_any_length(tmp_path: Path, synced: Synced, parts: int) -> None:
    store = RowSink.create(tmp_path / "t", RowSpec.of(ROW), limits=PartLimits(rows=2))
    append(store, 0, 2 * parts + 1)
    before = len(synced.files)
    store.close()
    assert 0 < synced.count(store.folder, before) <= 4  # what still waits for its turn is not added again


def test_row_groups_are_synced_before_their_part_is_whole(
    tmp_path: Path, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parfocal.storage.tables.ROWS_PER_GROUP", 4)
    with RowSink.create(tmp_path / "t", RowSpec.of(ROW)) as store:
        append(store, 0, 8)
        store._syncing.wait()
        assert not [path for path in synced.left_out(store.folder) if path.endswith(".parquet.open")]


@pytest.mark.skipif(os.name == "nt", reason="a file that cannot be synced")
def test_what_cannot_be_synced_is_told_at_every_turn(tmp_path: Path) -> None:
    syncing = SyncThread("test")
    syncing.add(tmp_path)
    syncing.wait()
    syncing.add(Path("/dev/null"))  # no such thing as stable storage for it
    syncing.add(tmp_path)
    for ask in (syncing.wait, syncing.check, syncing.close, syncing.close):
        with pytest.raises(OSError, match="Invalid argument"):
            ask()
    assert syncing.failed


def test_what_was_removed_meanwhile_needs_no_sync(tmp_path: Path) -> None:
    syncing = SyncThread("test")
    syncing.add(tmp_path / "gone" / "file", 1)
    syncing.close()
    sync_tree(tmp_path / "gone")
    syncing.abandon()
