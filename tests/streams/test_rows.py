"""What only streams of rows do: leases of copies."""

import threading
from pathlib import Path

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, StreamTimeoutError
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.processes import identity
from parfocal.streams import StreamWriter, attached, open_stream

SPEC = RowSpec(columns=(("n", "<i8"),))


def write(writer: StreamWriter, *numbers: int, timeout_s: float | None = 0) -> None:
    writer.write_rows(np.array([(n,) for n in numbers], SPEC.numpy_dtype), timeout_s=timeout_s)


def test_rows_that_were_not_dealt_with_are_offered_again(folder: Path) -> None:
    with StreamWriter(folder, "s", SPEC, 8) as writer, open_stream(folder, "s").lossless() as reader:
        write(writer, 0, 1, 2)
        with pytest.raises(ZeroDivisionError), reader.lease_rows(timeout_s=0, most=2):
            raise ZeroDivisionError
        write(writer, 3)
        with reader.lease_rows(timeout_s=0, most=3) as rows:
            assert rows["n"].tolist() == [0, 1, 2]
        assert reader.read(timeout_s=0)["n"].tolist() == [3]


def test_leased_rows_are_sampled_like_others(folder: Path) -> None:
    with StreamWriter(folder, "s", SPEC, 12) as writer, open_stream(folder, "s").lossless(every=3) as reader:
        write(writer, *range(5))
        write(writer, *range(5, 10))
        with reader.lease_rows(timeout_s=0, most=3) as rows:
            assert rows["n"].tolist() == [0, 3, 6]
        assert reader.read(timeout_s=0)["n"].tolist() == [9]
        (ledger,) = open_stream(folder, "s").status().readers
        assert (ledger.delivered, ledger.dropped) == (4, {"sampled": 6})


def test_frames_are_leased_as_such(folder: Path) -> None:
    spec = FrameSpec(shape=(2, 3), dtype="uint8")
    with (
        StreamWriter(folder, "s", spec, 3),
        open_stream(folder, "s").lossless() as reader,
        pytest.raises(BadInputError, match="holds frames"),
        reader.lease_rows(timeout_s=0),
    ):
        pass


def test_a_step_of_the_reader_wakes_the_writer_that_waits_for_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attached, "_LOOK_S", 1000.0)
    with StreamWriter(folder, "s", SPEC, 4) as writer, open_stream(folder, "s").lossless() as reader:
        write(writer, 0, 1)
        write(writer, 2, 3)
        thread = threading.Thread(target=write, args=(writer, 4), kwargs={"timeout_s": None})
        thread.start()
        got: list[int] = []
        while len(got) < 5:
            got += reader.read(timeout_s=60)["n"].tolist()
        thread.join()
        assert got == [0, 1, 2, 3, 4]


def test_a_reader_that_cannot_be_looked_at_is_not_dead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot_tell(_pid: int) -> str:
        raise OSError("too many open files")

    monkeypatch.setattr(attached, "_LOOK_S", 0.0)
    with StreamWriter(folder, "s", SPEC, 4) as writer, open_stream(folder, "s").lossless() as reader:
        write(writer, 0, 1)
        write(writer, 2, 3)
        monkeypatch.setattr(identity, "start_mark", cannot_tell)
        with pytest.raises(StreamTimeoutError, match="held its writer"):
            write(writer, 4, timeout_s=0.05)
        assert reader.read(timeout_s=0)["n"].tolist() == [0, 1, 2, 3]
        (ledger,) = writer.readers()
        assert (ledger.alive, ledger.delivered, ledger.dropped) == (True, 4, {})
