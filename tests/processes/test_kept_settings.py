"""What is kept for the next starts of a rig survives crashes, other processes, and broken files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.core.errors import ConfigError
from parfocal.processes.kept_settings import (
    forget_settings,
    keep_settings,
    kept_path,
    read_kept,
    take_kept,
)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.text("ab1.", min_size=1), inside, max_size=3)
    ),
    max_leaves=5,
)


def program(code: str, *, talks: bool = False) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE if talks else None
    return subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stdin=pipe)


def test_what_is_kept_is_found_and_forgotten() -> None:
    assert read_kept("lab").services == {}
    keep_settings("lab", {"camera": {"slots": 8, "options.exposure_ms": 2.5}})
    keep_settings("lab", {"camera": {"slots": 16}, "stage": {"poll_s": 0.5}})
    assert read_kept("lab").services == {
        "camera": {"slots": 16, "options.exposure_ms": 2.5},
        "stage": {"poll_s": 0.5},
    }
    assert read_kept("other").services == {}
    assert forget_settings("lab", "camera", ("slots",)) == {"camera": {"slots": 16}}
    assert forget_settings("lab", "stage") == {"stage": {"poll_s": 0.5}}
    assert read_kept("lab").services == {"camera": {"options.exposure_ms": 2.5}}
    assert forget_settings("lab") == {"camera": {"options.exposure_ms": 2.5}}
    assert not kept_path("lab").exists()
    assert forget_settings("lab") == {}


def test_one_change_keeps_and_forgets() -> None:
    keep_settings("lab", {"camera": {"slots": 8, "truth": "t"}})
    keep_settings("lab", {"camera": {"slots": 9}}, forget={"camera": ["slots", "truth"]})
    assert read_kept("lab").services == {"camera": {"slots": 9}}


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from(["a", "b.c", "d"]), VALUES, min_size=1))
def test_values_of_all_kinds_come_back(values: dict[str, object]) -> None:
    keep_settings("lab", {"camera": values}, forget={"camera": ["a", "b.c", "d"]})
    assert read_kept("lab").services["camera"] == values


@pytest.mark.skipif(os.name == "nt", reason="permissions come from the user's profile there")
def test_the_file_is_its_users_alone() -> None:
    keep_settings("lab", {"camera": {"password": "sesame"}})
    assert kept_path("lab").stat().st_mode & 0o777 == 0o600
    assert kept_path("lab").parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("dies_at", ["fsync", "replace"])
def test_a_process_that_is_killed_while_it_keeps_leaves_the_old_file(dies_at: str) -> None:
    keep_settings("lab", {"camera": {"slots": 8}})
    died = program(
        "import os, signal, pathlib\n"
        "from parfocal.processes.kept_settings import keep_settings\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        + ("os.fsync = die\n" if dies_at == "fsync" else "pathlib.Path.replace = die\n")
        + "keep_settings('lab', {'camera': {'slots': 99}})\n"
    )
    assert died.wait(60) == -signal.SIGKILL
    assert take_kept("lab").services == {"camera": {"slots": 8}}
    keep_settings("lab", {"camera": {"truth": "t"}})  # its lock keeps nobody from it
    assert read_kept("lab").services == {"camera": {"slots": 8, "truth": "t"}}


@pytest.mark.slow
def test_processes_that_keep_at_once_all_survive() -> None:
    programs = [
        program(
            "import sys\n"
            "from parfocal.processes.kept_settings import keep_settings\n"
            "print('ready', flush=True); sys.stdin.readline()\n"
            f"for n in range(5): keep_settings('lab', {{'{name}': {{f's{{n}}': n}}}})\n",
            talks=True,
        )
        for name in ("a", "b")
    ]
    for each in programs:
        assert each.stdout is not None
        assert each.stdout.readline() == b"ready\n"
    for each in programs:
        assert each.stdin is not None
        each.stdin.write(b"\n")
        each.stdin.flush()
    for each in programs:
        each.communicate(timeout=120)
    assert [each.returncode for each in programs] == [0, 0]
    expected = {f"s{n}": n for n in range(5)}
    assert read_kept("lab").services == dict.fromkeys(("a", "b"), expected)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"format: 1\nservices:\n  camera: {slots: 8", "expected ',' or '}'"),
        (b"", "got `null`"),
        (b"\xff\xfe\x00", "codec can't decode"),
        (b"format: 1\nservices: [camera]\n", "Expected `object`, got `array`"),
        (b"format: 1\nservices: {camera: 7}\n", "Expected `object`, got `int`"),
        (b"format: 1\nservices: {}\nextra: 1\n", "extra"),
        (b"format: 2\nservices: {}\n", "its format is 2"),
    ],
)
def test_a_broken_file_is_told_and_set_aside_and_never_used(content: bytes, reason: str) -> None:
    path = kept_path("lab")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    looked = read_kept("lab")
    assert (looked.services, path.read_bytes()) == ({}, content)
    assert reason in looked.problem
    taken = take_kept("lab")
    assert taken.services == {}
    assert reason in taken.problem
    assert "settings.broken-1.yaml" in taken.problem
    assert path.with_name("settings.broken-1.yaml").read_bytes() == content
    assert not path.exists()
    assert take_kept("lab").problem == ""
    path.write_bytes(content)
    keep_settings("lab", {"camera": {"slots": 8}})
    assert path.with_name("settings.broken-2.yaml").read_bytes() == content
    assert read_kept("lab").services == {"camera": {"slots": 8}}


def test_what_yaml_cannot_hold_is_refused_and_nothing_is_touched() -> None:
    keep_settings("lab", {"camera": {"slots": 8}})
    with pytest.raises(ConfigError, match="cannot be kept"):
        keep_settings("lab", {"camera": {"slots": object()}})
    assert read_kept("lab").services == {"camera": {"slots": 8}}
