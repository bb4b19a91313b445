from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parfocal.core.errors import AlreadyRunningError, BadInputError, ResourceInUseError, RigNotFoundError
from parfocal.processes import directory
from parfocal.processes import folders as rig_folders
from parfocal.processes.directory import RigRecord, ServiceRecord, write_record
from parfocal.processes.folders import RigFolders
from parfocal.processes.identity import start_mark
from parfocal.processes.locks import FileLock, holder_of, sweep
from parfocal.processes.resources import lock_path, owned
from parfocal.processes.spec import check_name

HOLDER = """
import sys
from pathlib import Path
from parfocal.processes.locks import FileLock
lock = FileLock.acquire(Path(sys.argv[1]), "other")
print("held", flush=True)
sys.stdin.readline()
"""


def hold_elsewhere(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_ends_with_its_holder_however_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "thing.lock"
    with hold_elsewhere(path) as process:
        assert FileLock.acquire(path, "me") is None
        assert holder_of(path) == ("other", process.pid)
        assert sweep(tmp_path) == []
        process.kill()
        process.wait()
    lock = FileLock.acquire(path, "me")
    assert lock is not None
    assert holder_of(path) == ("me", os.getpid())
    lock.release()
    lock.release()
    assert not path.exists()


def test_locks_that_nobody_holds_are_swept(tmp_path: Path) -> None:
    (tmp_path / "left.lock").write_text("garbage")
    assert holder_of(tmp_path / "left.lock") == ("", 0)
    assert sweep(tmp_path) == [tmp_path / "left.lock"]


def test_of_two_resources_none_is_owned_if_one_cannot_be() -> None:
    with owned(["tcp:board:5000"], "one/a"):
        with pytest.raises(ResourceInUseError, match=r"owned by one/a \(process") as caught:
            owned(["camera:7", "tcp:board:5000"], "two/b").__enter__()
        assert (caught.value.holder, caught.value.pid) == ("one/a", os.getpid())
        with owned(["camera:7"], "three/c"):
            pass
    with owned(["tcp:board:5000"], "two/b"):
        pass


def test_two_names_never_share_a_lock() -> None:
    names = ["a/b", "a_b", "a%2Fb", "A/b", "a b", "ä", "x" * 300, "x" * 301]
    assert len({lock_path(name) for name in names}) == len(names)
    assert {lock_path(name).parent for name in names} == {directory.locks_folder()}


def test_claimed_folders_are_private_and_exclusive() -> None:
    folders = RigFolders.claim("bench")
    for folder in (folders.runtime, folders.streams):
        assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(AlreadyRunningError):
        RigFolders.claim("bench", timeout_s=0.0)
    folders.release()
    folders.release()
    assert not folders.runtime.exists()
    assert not folders.streams.exists()


def test_a_dead_rig_is_cleaned_up_by_the_next_of_its_name() -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder = directory.runtime_folder("bench")
    stream = directory.shm_folder("bench") / "camera.ring"
    for path in (folder, stream.parent):
        path.mkdir(parents=True, mode=0o700)
        (path / "rig.lock").touch()
    stream.write_bytes(b"old")
    mine = ServiceRecord(service="a", state="ready", pid=stranger.pid, mark=start_mark(stranger.pid))
    write_record(folder / "a.json", mine)
    recycled = ServiceRecord(service="b", state="ready", pid=os.getpid(), mark="another-1")
    write_record(folder / "b.json", recycled)
    dead = RigRecord(
        rig="bench", pid=os.getpid(), mark="another-2", started_utc_ns=0, services=("a", "b"), streams=""
    )
    write_record(folder / "rig.json", dead)
    assert directory.rigs() == ()
    with pytest.raises(RigNotFoundError, match="'bench'"):
        directory.rig_record("bench")
    folders = RigFolders.claim("bench")
    assert stranger.wait(30) != 0
    assert [path.name for path in folders.runtime.iterdir()] == ["rig.lock"]
    assert not stream.exists()
    folders.release()
    assert stranger.stdin is not None
    stranger.stdin.close()


def test_clean_leaves_living_rigs_alone() -> None:
    folders = RigFolders.claim("alive")
    dead = directory.runtime_folder("dead")
    dead.mkdir()
    (dead / "rig.lock").touch()
    strangers = directory.runtime_root() / "holiday"
    strangers.mkdir()
    (dead / "rig.json").write_text("{half a rec")
    directory.locks_folder().mkdir(exist_ok=True)
    assert rig_folders.stale() == (dead,)
    assert rig_folders.stale() == (dead,), "looking changes nothing"
    assert rig_folders.clean() == (dead,)
    assert folders.runtime.exists()
    assert strangers.exists(), "what no rig made is nobody's to remove"
    folders.release()


def test_a_folder_that_no_rig_made_is_not_taken() -> None:
    photos = directory.shm_folder("photos")
    photos.mkdir(parents=True)
    (photos / "cat.png").touch()
    with pytest.raises(BadInputError, match="no rig's folder"):
        RigFolders.claim("photos")
    assert (photos / "cat.png").exists()
    assert not directory.runtime_folder("photos").exists()
    (photos / "cat.png").unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_root_that_others_may_enter_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setenv("PARFOCAL_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(PermissionError, match="chmod 700"):
        RigFolders.claim("bench")
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_records_are_replaced_in_one_step_and_garbage_is_none() -> None:
    folders = RigFolders.claim("bench")
    path = folders.runtime / "a.json"
    write_record(path, ServiceRecord(service="a", state="crashed", exit_code=-9))
    assert directory.exit_code("bench", "a") == -9
    write_record(path, ServiceRecord(service="a", state="ready", pid=7, exit_code=-9))
    assert directory.exit_code("bench", "a") is None
    path.write_text("{")
    assert directory.record("bench", "a") is None
    folders.release()


@pytest.mark.parametrize("name", [directory.LOCKS_FOLDER, directory.SERVICES_FOLDER, directory.IMAGES_FOLDER])
def test_a_rig_that_would_be_called_like_a_folder_of_ours_is_told_so(name: str) -> None:
    with pytest.raises(
        BadInputError, match=f"'{name}' is that of a folder of parfocal's own; choose another"
    ):
        check_name(name, "rig")
