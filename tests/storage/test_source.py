"""A recorder's source, whose stream gets another ring while somebody counts."""

from pathlib import Path

import numpy as np

from parfocal.core.frames import RowSpec
from parfocal.storage.source import Source
from parfocal.streams import Stream, StreamWriter, open_stream

ROW = np.dtype([("n", "<u8")])
PATIENCE_S = 40.0


def test_what_was_produced_is_told_right_while_the_reader_goes_on_with_the_next_ring(
    streams: Path, monkeypatch
) -> None:
    with StreamWriter(streams, "log", RowSpec.of(ROW), slots=64) as first:
        source = Source(streams, open_stream(streams, "log"), "block", "recorder")
        first.write_rows(np.zeros(3, ROW))
        with source.lease(10, PATIENCE_S):
            pass
    with StreamWriter(streams, "log", RowSpec.of(ROW), slots=64) as second:
        second.write_rows(np.zeros(2, ROW))
        find = source._newest

        def find_while_another_thread_reads() -> Stream | None:
            newest = find()
            with source.lease(1, PATIENCE_S):
                pass
            return newest

        with monkeypatch.context() as patch:
            patch.setattr(source, "_newest", find_while_another_thread_reads)
            assert source.produced == 5
        assert (source.position, source.produced) == (4, 5)
        assert (source.place.base, source.place.ring) == (3, 2)
        source.close()


def test_the_next_ring_begins_behind_all_of_the_one_that_is_still_read(streams: Path) -> None:
    with StreamWriter(streams, "log", RowSpec.of(ROW), slots=64) as first:
        source = Source(streams, open_stream(streams, "log"), "block", "recorder")
        first.write_rows(np.zeros(3, ROW))
    with StreamWriter(streams, "log", RowSpec.of(ROW), slots=64):
        assert (source.newest_place.base, source.newest_place.ring) == (3, 2)
        source.close()


def test_what_is_produced_after_it_was_left_counts_until_it_lets_go(streams: Path) -> None:
    with StreamWriter(streams, "log", RowSpec.of(ROW), slots=64) as first:
        source = Source(streams, open_stream(streams, "log"), "block", "recorder")
        first.write_rows(np.zeros(3, ROW))
        source.close()
        first.write_rows(np.zeros(2, ROW))
        assert source.produced == 5
    with StreamWriter(streams, "log", RowSpec.of(ROW), slots=64) as second:
        second.write_rows(np.zeros(4, ROW))
        second.set_next_number(20)
        assert (source.produced, source.newest_place.base) == (9, 5)
    assert (source.produced, source.next_number) == (9, 20)
    with StreamWriter(streams, "log", RowSpec.of(ROW), slots=64) as third:
        third.write_rows(np.zeros(1, ROW))
        assert (source.produced, source.newest_place.base) == (10, 9)
        source.let_go()
    assert source.produced == 10
    assert source.status() is None


def test_where_the_next_ring_begins_is_told_right_while_it_is_written(streams: Path, monkeypatch) -> None:
    with StreamWriter(streams, "log", RowSpec.of(ROW), slots=64) as first:
        source = Source(streams, open_stream(streams, "log"), "block", "recorder")
        first.write_rows(np.zeros(3, ROW))
    with StreamWriter(streams, "log", RowSpec.of(ROW), slots=64) as second:

        def written_at_each_look(stream: Stream) -> int:
            second.write_rows(np.zeros(1, ROW))
            return looked(stream)

        looked = Stream.produced.fget
        with monkeypatch.context() as patch:
            patch.setattr(Stream, "produced", property(written_at_each_look))
            assert source.newest_place.base == 3
        source.close()
