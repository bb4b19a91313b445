"""Files that are replaced in one step, by several threads and processes at once."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parfocal.core import files
from parfocal.core.files import create_file, files_in, replace_file, save_file

WRITE = """
import sys
from pathlib import Path
from parfocal.core.files import replace_file
for _ in range(300):
    replace_file(Path(sys.argv[1]), sys.argv[2].encode() * 100_000)
"""


@pytest.mark.parametrize("private", [False, True])
def test_threads_that_write_at_once_leave_one_of_their_contents_whole(tmp_path: Path, private: bool) -> None:
    path = tmp_path / "pointer"
    contents = [letter * 50_000 for letter in (b"a", b"b", b"c", b"d")]
    together = threading.Barrier(len(contents))

    def write(content: bytes) -> None:
        together.wait()
        for _ in range(200):
            replace_file(path, content, private=private)
            assert path.read_bytes() in contents

    with ThreadPoolExecutor(len(contents)) as threads:
        list(threads.map(write, contents))
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_write_at_once_leave_one_of_their_contents_whole(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, path, letter]) for letter in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert path.read_bytes() in (b"a" * 100_000, b"b" * 100_000)
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_long_ago_is_removed_with_the_next_durable_content(tmp_path: Path) -> None:
    path, other = tmp_path / "kept[1].yaml", tmp_path / ".other.yaml.7-7.new"
    left, fresh = tmp_path / ".kept[1].yaml.7-7.new", tmp_path / ".kept[1].yaml.8-8.new"
    for draft in (left, fresh, other):
        draft.write_bytes(b"half")
    for draft in (left, other):
        os.utime(draft, (1e9, 1e9))
    replace_file(path, b"whole", durable=True)
    assert sorted(tmp_path.iterdir()) == sorted([path, fresh, other])


WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from parfocal.core.files import create_file
from parfocal.rig.new_experiment import write_experiment
from parfocal.rig.template import write_template

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
folder = Path(sys.argv[1])
for write in (
    lambda: create_file(folder / "new.txt", b"x" * 100_000),
    lambda: write_template(folder / "my-lab.toml"),
    lambda: write_experiment(folder / "erk"),
):
    try:
        write()
    except OSError as error:
        print(error.filename)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
@pytest.mark.parametrize("room", [0, 100])
def test_a_new_file_for_which_there_is_no_room_leaves_no_part_and_is_named(tmp_path: Path, room: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROOM, tmp_path, str(room)], capture_output=True, text=True, check=True
    )
    named = [Path(line).relative_to(tmp_path).parts[0] for line in done.stdout.splitlines()]
    assert named == ["new.txt", "my-lab.toml", "erk"]
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_takes_the_place_of_none(tmp_path: Path) -> None:
    create_file(tmp_path / "new.txt", b"first")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "new.txt", b"second")
    assert (tmp_path / "new.txt").read_bytes() == b"first"


def test_what_is_saved_on_a_full_disk_leaves_what_was_there_and_names_the_file(tmp_path, monkeypatch):
    path = tmp_path / "plan.yaml"
    save_file(path, b"the old one")

    def full(draft: str, *_: object, **__: object) -> None:
        Path(draft).write_bytes(b"the ne")
        raise OSError(errno.ENOSPC, "No space left on device", str(draft))

    monkeypatch.setattr(files, "open", full, raising=False)
    with pytest.raises(OSError, match="No space left") as raised:
        save_file(path, b"the new one")
    assert raised.value.filename == str(path)
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="links and modes as of POSIX")
def test_a_file_that_is_saved_keeps_its_permissions_and_a_link_to_it_its_way(tmp_path):
    path, link = tmp_path / "plan.yaml", tmp_path / "today.yaml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    save_file(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="a pipe of POSIX")
def test_a_pipe_takes_what_is_saved(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(pipe.read_bytes)
        save_file(pipe, b"through")
        assert read.result(30) == b"through"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="a name for the output of a program")
def test_what_is_saved_to_the_output_of_a_program_goes_there_whatever_that_is(tmp_path):
    program = "from pathlib import Path; from parfocal.core.files import save_file\n"
    program += "save_file(Path('/dev/stdout'), b'saved')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True, timeout=60)
        assert os.fstat(out.fileno()).st_nlink == 1, "the file that the output goes to was replaced"
    assert (tmp_path / "out").read_bytes() == b"saved"


def test_a_folder_is_no_file_to_be_saved(tmp_path):
    with pytest.raises(OSError, match=str(tmp_path)):
        save_file(tmp_path, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_removed_while_it_is_looked_at_holds_nothing(tmp_path, monkeypatch):
    """The thread that shows a rig ended with an error when that rig had just ended."""
    (tmp_path / "b.ring").touch()
    (tmp_path / "a.ring").touch()
    assert [path.name for path in files_in(tmp_path, "*.ring")] == ["a.ring", "b.ring"]
    assert files_in(tmp_path / "none") == []

    def gone(path="."):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setattr(os, "scandir", gone)
    monkeypatch.setattr(os, "listdir", gone)
    assert files_in(tmp_path, "*.ring") == []
