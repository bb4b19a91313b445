"""The log of a script, read while it grows."""

from __future__ import annotations

from parfocal.runs.scripts.log_text import new_text


def test_a_log_is_read_in_whole_lines_from_where_it_was(tmp_path):
    log = tmp_path / "script.log"
    assert new_text(log, 0) == ("", 0)
    log.write_bytes(b"one\ntw")
    assert new_text(log, 0) == ("one\n", 4)
    log.write_bytes("one\ntwo µ\n".encode())
    assert new_text(log, 4) == ("two µ\n", 11)
    log.write_bytes(b"x" * 400_000 + b"\nlast\n")
    assert new_text(log, 0, 2**18) == ("last\n", 400_006)
    assert len(new_text(log, 0)[0]) == 400_006


def test_the_last_line_of_a_log_that_is_whole_need_not_have_an_end(tmp_path):
    log = tmp_path / "script.log"
    log.write_bytes(b"one\nno end")
    assert new_text(log, 4) == ("", 4)
    assert new_text(log, 4, is_whole=True) == ("no end", 10)
    assert new_text(log, 10, is_whole=True) == ("", 10)
