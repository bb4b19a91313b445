"""What every stream promises, whether it carries frames or rows."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parfocal.core.errors import (
    BadInputError,
    ReaderOverrunError,
    StreamClosedError,
    StreamError,
    StreamInUseError,
    StreamNotFoundError,
    StreamTimeoutError,
)
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.core.status import ReaderLedger
from parfocal.streams import LosslessReader, StreamWriter, open_stream, stream_names

SLOTS = 6


class Frames:
    spec = FrameSpec(shape=(3, 4), dtype="uint16")

    @staticmethod
    def write(writer: StreamWriter, *numbers: int, timeout_s: float | None = 1.0) -> None:
        for n in numbers:
            writer.write(np.full((3, 4), n, "u2"), FrameHeader(frame=n), timeout_s=timeout_s)

    @staticmethod
    def lease(reader: LosslessReader) -> AbstractContextManager[Any]:
        return reader.lease(timeout_s=0)

    @staticmethod
    def numbers(taken: Any) -> list[int]:
        assert (taken.data == taken.header.frame).all()
        return [taken.header.frame]


class Rows:
    spec = RowSpec(columns=(("n", "<i8"), ("x", "<f4")))

    @classmethod
    def write(cls, writer: StreamWriter, *numbers: int, timeout_s: float | None = 1.0) -> None:
        for n in numbers:
            writer.write_rows(np.array([(n, n)], cls.spec.numpy_dtype), timeout_s=timeout_s)

    @staticmethod
    def lease(reader: LosslessReader) -> AbstractContextManager[Any]:
        return reader.lease_rows(timeout_s=0)

    @staticmethod
    def numbers(taken: Any) -> list[int]:
        return taken["n"].tolist()


@pytest.fixture(params=[Frames, Rows], ids=["frames", "rows"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pfs-"))
    yield path
    assert list(path.iterdir()) == []
    shutil.rmtree(path)


@pytest.fixture
def writer(kind: Any, folder: Path) -> Iterator[StreamWriter]:
    with StreamWriter(folder, "s", kind.spec, SLOTS) as writer:
        yield writer


def drain(kind: Any, reader: Any) -> list[int]:
    numbers: list[int] = []
    while True:
        try:
            numbers += kind.numbers(reader.read(timeout_s=0))
        except (StreamTimeoutError, StreamClosedError):
            return numbers


def only(folder: Path) -> ReaderLedger:
    (ledger,) = open_stream(folder, "s").status().readers
    assert ledger.balances
    return ledger


def test_a_lossless_reader_gets_everything_in_order(kind: Any, writer: StreamWriter, folder: Path) -> None:
    with open_stream(folder, "s").lossless() as reader:
        kind.write(writer, *range(5))
        assert reader.position == 0
        assert drain(kind, reader) == [0, 1, 2, 3, 4]
        kind.write(writer, *range(5, 10))
        assert drain(kind, reader) == [5, 6, 7, 8, 9]
        assert reader.position == 10
        assert only(folder).delivered == 10


def test_a_reader_sees_nothing_from_before_it_came(kind: Any, writer: StreamWriter, folder: Path) -> None:
    kind.write(writer, 0, 1)
    with open_stream(folder, "s").lossless() as reader:
        kind.write(writer, 2)
        assert drain(kind, reader) == [2]


def test_a_blocking_reader_holds_the_writer(kind: Any, writer: StreamWriter, folder: Path) -> None:
    with open_stream(folder, "s").lossless("block") as reader:
        kind.write(writer, *range(SLOTS))
        with pytest.raises(StreamTimeoutError):
            kind.write(writer, SLOTS, timeout_s=0.01)
        assert only(folder).in_flight == SLOTS
        assert kind.numbers(reader.read())[0] == 0
        kind.write(writer, SLOTS)
        assert drain(kind, reader)[-1] == SLOTS
        assert only(folder).dropped == {}


def test_a_dropping_reader_goes_on_with_the_oldest_there_is(
    kind: Any, writer: StreamWriter, folder: Path
) -> None:
    with open_stream(folder, "s").lossless("drop") as reader:
        kind.write(writer, *range(SLOTS + 3))
        assert only(folder).dropped == {"overrun": 3}
        assert drain(kind, reader) == list(range(3, SLOTS + 3))
        assert only(folder).dropped == {"overrun": 3}


def test_a_failing_reader_says_how_many_it_lost(kind: Any, writer: StreamWriter, folder: Path) -> None:
    with open_stream(folder, "s").lossless("fail") as reader:
        kind.write(writer, *range(SLOTS + 3))
        with pytest.raises(ReaderOverrunError, match="3 were overwritten") as caught:
            reader.read(timeout_s=0)
        assert caught.value.lost == 3
        assert drain(kind, reader) == list(range(3, SLOTS + 3))


def test_every_third(kind: Any, writer: StreamWriter, folder: Path) -> None:
    with open_stream(folder, "s").lossless(every=3, offset=1) as reader:
        got = []
        for n in range(10):
            kind.write(writer, n)
            got += drain(kind, reader)
        assert got == [1, 4, 7]
        assert only(folder).dropped == {"sampled": 7}


def test_a_lease_counts_when_it_ends(kind: Any, writer: StreamWriter, folder: Path) -> None:
    with open_stream(folder, "s").lossless("drop") as reader:
        kind.write(writer, 0)
        with kind.lease(reader) as taken:
            assert kind.numbers(taken) == [0]
            kind.write(writer, *range(1, SLOTS + 2))
            ledger = only(folder)
            assert (ledger.delivered, reader.position) == (0, 0)
        assert (only(folder).delivered, reader.position) == (1, 1)


def test_the_latest_reader_ends_with_the_newest(kind: Any, writer: StreamWriter, folder: Path) -> None:
    with open_stream(folder, "s").latest() as reader:
        kind.write(writer, *range(SLOTS * 2))
        assert kind.numbers(reader.read(timeout_s=0))[-1] == SLOTS * 2 - 1
        with pytest.raises(StreamTimeoutError):
            reader.read(timeout_s=0)
        ledger = only(folder)
        assert ledger.delivered + ledger.dropped["skipped"] == SLOTS * 2


def test_the_end_comes_after_the_last(kind: Any, writer: StreamWriter, folder: Path) -> None:
    stream = open_stream(folder, "s")
    with stream.lossless() as reader:
        kind.write(writer, 0, 1)
        writer.close()
        assert stream.ended()
        assert drain(kind, reader) == [0, 1]
        with pytest.raises(StreamClosedError, match="has ended"):
            reader.read()
        with pytest.raises(StreamNotFoundError, match="none are known"):
            open_stream(folder, "s")
        with pytest.raises(StreamError, match="closed"):
            kind.write(writer, 2)


def test_what_a_leaving_reader_left_is_counted(kind: Any, writer: StreamWriter, folder: Path) -> None:
    reader = open_stream(folder, "s").lossless()
    kind.write(writer, 0, 1, 2)
    reader.close()
    reader.close()
    kind.write(writer, *range(3, 20))
    ledger = only(folder)
    assert (ledger.offered, ledger.dropped, ledger.in_flight, ledger.alive) == (3, {"left": 3}, 0, False)
    with pytest.raises(StreamError, match="was closed"):
        reader.read()


def test_a_living_writer_and_a_living_name_are_refused(kind: Any, writer: StreamWriter, folder: Path) -> None:
    with pytest.raises(StreamInUseError, match="writes stream 's'"):
        StreamWriter(folder, "s", kind.spec, SLOTS)
    with (
        open_stream(folder, "s").lossless(name="recorder"),
        pytest.raises(StreamInUseError, match="'recorder'"),
    ):
        open_stream(folder, "s").latest(name="recorder")


def test_bad_input_is_refused_and_named(kind: Any, writer: StreamWriter, folder: Path) -> None:
    stream = open_stream(folder, "s")
    assert stream_names(folder) == ("s",)
    assert stream.spec == kind.spec
    with pytest.raises(BadInputError, match="policy 'wait'"):
        stream.lossless("wait")  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="every=2, offset=2"):
        stream.lossless(every=2, offset=2)
    with stream.latest() as latest, stream.lossless() as lossless:
        for reader in (latest, lossless):
            with pytest.raises(BadInputError, match="nan"):
                reader.read(timeout_s=float("nan"))
        with pytest.raises(BadInputError, match="most must be at least 1, not 0"):
            latest.read(timeout_s=0, most=0)
    with pytest.raises(BadInputError, match=r"a/b"):
        StreamWriter(folder, "a/b", kind.spec, SLOTS)
    with pytest.raises(BadInputError):
        StreamWriter(folder, "t", kind.spec, 1)
