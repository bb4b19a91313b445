"""Drafts: whole whatever kills the window, and of one window each."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from parfocal.app.desktop.drafts import DraftFile
from parfocal.core.clock import poll_until

LONG_S = 60.0
WRITER = """
import sys
from pathlib import Path
from parfocal.app.desktop import drafts

def told(path, content, **how):
    replace(path, content, **how)
    print(content[:8].decode(), flush=True)

replace, drafts.replace_file = drafts.replace_file, told
file = drafts.DraftFile(Path(sys.argv[1]), "plan")
while file.found is None:
    pass
number = 0
while True:
    number += 1
    file.keep(b"%08d" % number * 4000)
"""


@pytest.fixture
def opened(tmp_path):
    """Return what opens a draft as a window does; all are closed."""
    made = []

    def found():
        file = DraftFile(tmp_path / "drafts", "plan")
        made.append(file)
        assert poll_until(lambda: file.found is not None, LONG_S)
        return file

    yield found
    for file in made:
        file.close(LONG_S)


def test_a_draft_is_there_again_and_each_window_has_its_own(opened):
    first = opened()
    assert first.found == b""
    first.keep(b"one")
    second = opened()
    assert second.found == b""
    second.keep(b"two")
    first.close(LONG_S)
    second.close(LONG_S)
    again, other = opened(), opened()
    assert (again.found, other.found) == (b"one", b"two")


def test_the_newest_is_written_at_the_end_and_an_empty_one_too(opened):
    file = opened()
    for number in range(500):
        file.keep(b"%d" % number)
    file.close(LONG_S)
    again = opened()
    assert again.found == b"499"
    again.keep(b"")
    again.close(LONG_S)
    assert opened().found == b""


def test_what_can_not_be_kept_is_told(tmp_path):
    (tmp_path / "file").write_text("no folder")
    file = DraftFile(tmp_path / "file" / "drafts", "plan")
    assert poll_until(lambda: file.found is not None, LONG_S)
    file.keep(b"one")
    assert "can't be kept" in file.error
    file.close(LONG_S)


def test_a_kill_at_any_moment_leaves_the_last_draft_whole_or_the_one_before(tmp_path, opened):
    seed = random.Random(7)
    command = [sys.executable, "-c", WRITER, str(tmp_path / "drafts")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as window:
        assert window.stdout is not None
        written = [window.stdout.readline() for _ in range(seed.randint(20, 60))]
        window.kill()
        written += window.stdout.readlines()
    last = [int(line) for line in written if line.strip()][-1]
    left = opened().found
    number = int(left[:8])
    assert left == b"%08d" % number * 4000
    assert number >= last
