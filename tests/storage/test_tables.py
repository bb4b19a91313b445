import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from parfocal.core.errors import AlreadyExistsError, BadInputError, FolderVanishedError, StorageError
from parfocal.core.frames import RowSpec
from parfocal.storage.parts import closed_parts
from parfocal.storage.reading import read_rows
from parfocal.storage.tables import PartLimits, RowSink

DTYPE = np.dtype([("n", "<u8"), ("x_px", "<f8"), ("bead", "<i4"), ("flag", "?")])
SPEC = RowSpec.of(DTYPE)


def rows(first: int, count: int) -> np.ndarray:
    table = np.zeros(count, DTYPE)
    table["n"] = np.arange(first, first + count)
    table["x_px"] = table["n"] / 7
    table["bead"] = -table["n"].astype("i4")
    table["flag"] = table["n"] % 2 == 0
    return table


def numbers(folder: Path) -> list[int]:
    table = read_rows(folder)
    return table["n"].to_pylist() if table.num_rows else []


class Tick:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.ns = 0

    def monotonic_ns(self) -> int:
        return self.ns

    def utc_ns(self) -> int:
        return self.ns

    def wait(self, event: object, timeout_s: float) -> bool:
        raise NotImplementedError


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    with RowSink.create(tmp_path / "tracks", SPEC) as store:
        for first in range(0, 1000, 10):
            store.append(rows(first, 10))
        while_open = read_rows(store.folder)
    closed = read_rows(store.folder)
    assert while_open.equals(closed)
    for name in DTYPE.names or ():
        np.testing.assert_array_equal(closed[name].to_numpy(), rows(0, 1000)[name])
    assert store.stored == 1000
    assert [path.name for path in store.folder.iterdir()] == ["part-000000.parquet"]


def test_parts_end_by_size_and_by_age(tmp_path: Path) -> None:
    clock = Tick()
    with RowSink.create(tmp_path / "t", SPEC, limits=PartLimits(rows=100, seconds=5.0), clock=clock) as store:
        store.append(rows(0, 99))
        assert not list(store.folder.glob("*.parquet"))
        store.append(rows(99, 50))
        assert len(list(store.folder.glob("*.parquet"))) == 1
        store.append(rows(149, 1))
        clock.ns = 6_000_000_000
        store.tend()
        assert len(list(store.folder.glob("*.parquet"))) == 2
        assert not list(store.folder.glob("*.arrows"))
        store.tend()
    assert numbers(store.folder) == list(range(150))


def test_a_table_without_rows_still_tells_its_columns(tmp_path: Path) -> None:
    with RowSink.create(tmp_path / "t", SPEC) as store:
        assert read_rows(store.folder).num_rows == 0
    table = read_rows(store.folder)
    assert table.column_names == list(DTYPE.names or ())
    assert table.num_rows == 0


def test_row_groups_fill_while_a_part_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parfocal.storage.tables.ROWS_PER_GROUP", 64)
    with RowSink.create(tmp_path / "t", SPEC) as store:
        for first in range(0, 320, 32):
            store.append(rows(first, 32))
    assert parquet.read_metadata(store.folder / "part-000000.parquet").num_row_groups == 5
    assert numbers(store.folder) == list(range(320))


def test_rows_offered_again_are_stored_once(tmp_path: Path) -> None:
    with RowSink.create(tmp_path / "t", SPEC, first_sequence=10) as store:
        store.append(rows(10, 5), 10)
        store.append(rows(12, 3), 12)
        store.append(rows(13, 5), 13)
        store.append(rows(30, 2), 30)
    assert numbers(store.folder) == [*range(10, 18), 30, 31]
    assert (store.stored, store.next_sequence) == (10, 32)


def test_resuming_makes_a_part_of_the_journal(tmp_path: Path) -> None:
    first = RowSink.create(tmp_path / "t", SPEC, first_sequence=100, limits=PartLimits(rows=50))
    for start in range(100, 270, 10):
        first.append(rows(start, 10), start)
    first.abandon()
    assert numbers(first.folder) == list(range(100, 270))
    with RowSink.resume(first.folder, SPEC, first_sequence=100) as second:
        assert (second.stored, second.next_sequence) == (170, 270)
        second.append(rows(265, 10), 265)
    assert numbers(first.folder) == list(range(100, 275))
    assert not list(first.folder.glob("*.arrows"))


def test_resuming_a_table_without_rows(tmp_path: Path) -> None:
    RowSink.create(tmp_path / "t", SPEC, first_sequence=7).abandon()
    with RowSink.resume(tmp_path / "t", SPEC, first_sequence=7) as store:
        assert (store.stored, store.next_sequence) == (0, 7)
        store.append(rows(7, 1), 7)
    assert numbers(tmp_path / "t") == [7]


def test_a_journal_cut_at_any_byte_gives_its_whole_batches(tmp_path: Path) -> None:
    store = RowSink.create(tmp_path / "t", SPEC)
    ends = []
    journal = store.folder / "part-000000.arrows"
    for start in range(0, 30, 10):
        store.append(rows(start, 10))
        ends.append(journal.stat().st_size)
    store.abandon()
    content = journal.read_bytes()
    for cut in range(0, len(content) + 1, 41):
        journal.write_bytes(content[:cut])
        whole = 10 * sum(end <= cut for end in ends)
        assert numbers(store.folder) == list(range(whole))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that answers with an I/O error")
def test_a_journal_that_the_disk_does_not_give_is_no_empty_one(tmp_path: Path) -> None:
    store = RowSink.create(tmp_path / "t", SPEC)
    store.append(rows(0, 10))
    store.abandon()
    journal, safe = store.folder / "part-000000.arrows", tmp_path / "safe"
    journal.rename(safe)
    journal.symlink_to("/proc/self/mem")  # reading its first byte is an I/O error, as from a failing disk
    with pytest.raises(OSError, match="Input/output error"):
        read_rows(store.folder)
    with pytest.raises(StorageError, match="Input/output error"):
        RowSink.resume(store.folder, SPEC)
    assert [path.name for path in store.folder.iterdir()] == [journal.name]
    journal.unlink()
    safe.rename(journal)
    RowSink.resume(store.folder, SPEC).close()
    assert numbers(store.folder) == list(range(10))


def test_a_crash_between_part_and_journal_counts_no_row_twice(tmp_path: Path) -> None:
    store = RowSink.create(tmp_path / "t", SPEC)
    store.append(rows(0, 10))
    kept = (store.folder / "part-000000.arrows").read_bytes()
    store.close()
    (store.folder / "part-000000.arrows").write_bytes(kept)
    assert numbers(store.folder) == list(range(10))
    with RowSink.resume(store.folder, SPEC) as again:
        assert again.stored == 10
    assert not list(store.folder.glob("*.arrows"))


def test_columns_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with RowSink.create(tmp_path / "t", SPEC) as store, pytest.raises(BadInputError, match="do not fit"):
        store.append(np.zeros(3, [("other", "f8")]))
    with pytest.raises(BadInputError, match="'z' of type"):
        RowSink.create(tmp_path / "u", RowSpec(columns=(("z", "c16"),)))
    with pytest.raises(BadInputError, match="hold nothing"):
        PartLimits(rows=0)
    with pytest.raises(BadInputError, match="no table"):
        read_rows(tmp_path / "nowhere")


def test_other_byte_order_and_text(tmp_path: Path) -> None:
    dtype = np.dtype([("a", ">f8"), ("name", "<U8")])
    table = np.array([(1.5, "ab"), (2.5, "c")], dtype)
    with RowSink.create(tmp_path / "t", RowSpec.of(dtype)) as store:
        store.append(table)
    assert read_rows(store.folder).to_pylist() == [{"a": 1.5, "name": "ab"}, {"a": 2.5, "name": "c"}]


KINDS = [*"bhilBHIL?efd", "U5", "S5", "M8[ns]", "m8[us]"]


@pytest.mark.parametrize("count", [0, 1, 13])
def test_columns_of_all_kinds_are_as_arrow_has_them(tmp_path: Path, count: int) -> None:
    columns = [(f"{kind}{order}", np.dtype(kind).newbyteorder(order)) for kind in KINDS for order in "<>"]
    table = np.zeros(count, columns)
    for name, dtype in columns:
        table[name] = np.arange(count).astype(dtype)
    with RowSink.create(tmp_path / "t", RowSpec.of(table.dtype)) as store:
        store.append(table)
    stored = read_rows(store.folder)
    for name, dtype in columns:
        expected = pyarrow.array(table[name].astype(dtype.newbyteorder("=")))
        assert stored[name].type == expected.type
        assert stored[name].to_pylist() == expected.to_pylist()


def test_text_of_any_language_comes_back(tmp_path: Path) -> None:
    texts = ["", "μm", "细胞", "a\0b"]
    with RowSink.create(tmp_path / "t", RowSpec(columns=(("why", "<U5"),))) as store:
        store.append(np.array([(text,) for text in texts], [("why", "<U5")]))
    assert read_rows(store.folder)["why"].to_pylist() == texts


def test_who_writes_rows_does_not_import_pandas(tmp_path: Path) -> None:
    code = f"""
        import sys
        import numpy as np
        from pathlib import Path
        from parfocal.core.frames import RowSpec
        from parfocal.storage.tables import RowSink
        rows = np.array([(1, "a", True)], [("n", "i8"), ("why", "U3"), ("on", "?")])
        with RowSink.create(Path({str(tmp_path)!r}) / "t", RowSpec.of(rows.dtype)) as store:
            store.append(rows)
        print("pandas" in sys.modules, end="")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True)
    assert done.stdout == b"False"


def test_never_overwrites(tmp_path: Path) -> None:
    with pytest.raises(AlreadyExistsError, match="never overwritten"):
        RowSink.create(tmp_path, SPEC)


def test_a_folder_that_vanished_is_named(tmp_path: Path) -> None:
    store = RowSink.create(tmp_path / "t", SPEC)
    store.folder.rename(tmp_path / "elsewhere")
    with pytest.raises(FolderVanishedError, match="disappeared"):
        store.append(rows(0, 1))
    store.abandon()
    assert not store.folder.exists()


def test_a_full_disk_is_named_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    program = """
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from parfocal.core.errors import DiskFullError
        from parfocal.core.frames import RowSpec
        from parfocal.storage import RowSink

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        dtype = np.dtype([("n", "<u8")])
        store = RowSink.create(Path(sys.argv[1]), RowSpec.of(dtype))
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            for n in range(10**6):
                store.append(np.array([(n,)], dtype))
        except DiskFullError:
            store.abandon()
            print(store.stored)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "t")],
        capture_output=True,
        text=True,
        check=True,
    )
    stored = int(run.stdout)
    assert stored > 10
    assert numbers(tmp_path / "t") == list(range(stored))


KILLED = """
    import sys, numpy as np
    from pathlib import Path
    from parfocal.core.frames import RowSpec
    from parfocal.storage import PartLimits, RowSink

    dtype = np.dtype([("n", "<u8"), ("x", "<f8")])
    store = RowSink.create(Path(sys.argv[1]), RowSpec.of(dtype), limits=PartLimits(rows=200))
    first = 0
    while True:
        table = np.zeros(13, dtype)
        table["n"] = np.arange(first, first + 13)
        store.append(table)
        first += 13
        print(first, flush=True)
"""


@pytest.mark.parametrize("after", [1, 16, 150])
def test_everything_acknowledged_survives_a_kill(tmp_path: Path, after: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "t")],
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
    found = numbers(tmp_path / "t")
    assert len(found) >= acknowledged
    assert found == list(range(len(found)))


TRACKS = np.dtype([("frame", "<u8"), ("bead", "<i4")])
WHOLE_AFTER_NS = 10**9  # without rows for so long a frame counts as whole

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rows"), st.integers(1, 12)),
        st.tuples(st.just("ask"), st.just(0)),
        st.tuples(st.just("tick"), st.integers(1, 4)),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(beads=st.integers(1, 5), steps=STEPS)
def test_parts_that_begin_whenever_it_is_asked_for_add_up_and_tear_no_frame(
    tmp_path: Path, beads: int, steps: list[tuple[str, int]]
) -> None:
    """Batches end anywhere in a frame; whoever reads gets each row once, and each frame from one file."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path)) / "tracks"
    clock, written, last_ns = Tick(), 0, 0
    limits = PartLimits(rows=17, seconds=3.0)
    with RowSink.create(folder, RowSpec.of(TRACKS), limits=limits, clock=clock) as sink:
        for step, count in steps:
            if step == "rows":
                sequence = np.arange(written, written + count)
                table = np.zeros(count, TRACKS)
                table["frame"], table["bead"] = sequence // beads, sequence % beads
                sink.append(table, written)
                written, last_ns = written + count, clock.ns
            elif step == "ask":
                sink.begin_part()
            else:
                clock.ns = min(clock.ns + count * 10**8, last_ns + WHOLE_AFTER_NS - 1)
                sink.tend()
        assert sink.stored == written
    found = read_rows(folder)
    assert found["frame"].to_pylist() == [n // beads for n in range(written)]
    assert found["bead"].to_pylist() == [n % beads for n in range(written)]
    parts = [set(parquet.read_table(path)["frame"].to_pylist()) for path in closed_parts(folder)]
    assert sum(map(len, parts)) == len(set().union(*parts))


def test_a_part_that_is_asked_for_begins_with_the_next_frame_or_when_none_comes(tmp_path: Path) -> None:
    clock = Tick()
    with RowSink.create(tmp_path / "t", RowSpec.of(TRACKS), clock=clock) as sink:
        sink.begin_part()
        sink.tend()
        assert (sink.part, sink.begins_part) == (0, False)  # the first one has just begun
        sink.append(np.array([(0, 0), (0, 1), (1, 0)], TRACKS))
        sink.begin_part()
        sink.append(np.array([(1, 1)], TRACKS))
        assert (sink.part, sink.begins_part) == (0, True)
        sink.append(np.array([(1, 2), (2, 0)], TRACKS))
        assert (sink.part, sink.begins_part) == (1, False)
        sink.begin_part()
        clock.ns = 2_000_000_000
        sink.tend()
        assert (sink.part, sink.begins_part) == (2, False)
    assert [parquet.read_table(path).num_rows for path in closed_parts(tmp_path / "t")] == [5, 1]
