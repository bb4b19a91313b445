from __future__ import annotations

import json
import logging
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from parfocal.devices.redpitaya.declared import DeclaredSettings

MODULES = {"asg0": {"amplitude_v": 0.5, "samples": [0.0, 1.0]}, "pid0": {"p": -0.5, "i_hz": 3.0}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "board.declared"


@pytest.fixture
def kept(path):
    kept = DeclaredSettings(path, owner=1)
    kept.update("pid0", {"p": -1.0, "i_hz": 3.0})
    kept.update("asg0", {"amplitude_v": 0.5, "samples": np.array([0.0, 1.0])})
    kept.update("iq0", {"gain": 1.0})
    kept.update("pid0", {"p": -0.5})
    kept.forget("iq0")
    return kept


def found(path, owner=1):
    return DeclaredSettings(path, owner).modules()


def test_what_was_declared_is_found_by_the_next_of_the_same_owner(kept, path):
    assert found(path) == MODULES
    assert found(path, owner=2) == found(path) == {}


def test_what_is_lent_ends_with_the_process(kept, path):
    with kept.leased("asg0"):
        kept.update("asg0", {"amplitude_v": 1.0})
        kept.update("pid0", {"p": -0.25})
        copy = path.with_name("copy")
        copy.write_bytes(path.read_bytes())
    assert found(copy) == {"pid0": {"p": -0.25, "i_hz": 3.0}}
    assert found(path)["asg0"]["amplitude_v"] == 1.0


def test_a_file_is_whole_at_any_time(kept, path, monkeypatch):
    """Whoever looks, also after a kill in the middle of writing, finds the old settings or the new ones."""
    replaced, seen = Path.replace, []

    def replace(draft, target):
        seen.append(json.loads(path.read_text())["modules"])
        return replaced(draft, target)

    monkeypatch.setattr(Path, "replace", replace)
    kept.update("pid0", {"p": 7.0})
    assert seen == [MODULES]
    assert found(path)["pid0"] == {"p": 7.0, "i_hz": 3.0}
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_what_is_set_up_anew_forgets_what_was_before(kept, path):
    kept.update("pid0", {"p": 1.0}, replace=True)
    assert found(path)["pid0"] == {"p": 1.0}


def test_the_file_stays_short(kept, path):
    size = path.stat().st_size
    for k in range(100):
        kept.update("pid0", {"p": k / 1000})
    kept.update("pid0", {"p": -0.5})
    assert path.stat().st_size == size


@contextmanager
def room(size):
    """Let files grow no longer than that, as on a full disk: the last write is torn."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 20])
def test_what_was_switched_off_on_a_full_disk_never_comes_back(kept, path, caplog, size):
    with room(size):
        kept.forget("asg0")
        kept.update("pid0", {"p": -0.5})
        assert path.stat().st_size == 0
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    assert found(copy) == {}
    kept.update("pid1", {"p": 1.0})
    assert found(path) == {"pid0": MODULES["pid0"], "pid1": {"p": 1.0}}


def test_what_a_stranger_writes_into_the_file_hides_nothing(kept, path):
    path.write_text(path.read_text() + "}")
    kept.forget("asg0")
    assert found(path) == {"pid0": MODULES["pid0"]}


def test_a_vanished_folder_holds_up_nobody(kept, path):
    shutil.rmtree(path.parent)
    kept.forget("asg0")
    kept.update("pid0", {"p": 1.0})
    assert kept.modules() == {"pid0": {"p": 1.0, "i_hz": 3.0}}
    path.parent.mkdir()
    kept.update("pid0", {"p": 2.0})
    assert found(path) == kept.modules()


@pytest.mark.parametrize(
    "junk", [b"junk", b"{}", b'{"owner":1}', b'{"owner":1,"modules":{"pid0":[]}}', b"\xff"]
)
def test_a_file_that_cannot_be_read_declares_nothing(path, junk):
    path.write_bytes(junk)
    assert found(path) == {}
