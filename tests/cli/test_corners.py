"""Odd places to run from, and outputs that take nothing: it works, or says so in one line."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import pytest

import parfocal
from parfocal.cli import main
from parfocal.cli.app import run
from parfocal.cli.exits import Exit
from parfocal.processes import directory

LAB = 'name = "lab"\n[services.lamp]\nkind = "parfocal.testing.services:Counter"\n'


class Interrupted(ModuleType):
    """A module at whose import somebody presses Ctrl-C."""

    def __getattr__(self, name: str) -> None:
        raise KeyboardInterrupt


def sh(line: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``parfocal`` is the command."""
    return subprocess.run(
        ["sh", "-c", line.replace("parfocal ", f"{sys.executable} -m parfocal ")],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_files_called_like_the_librarys_are_none_of_its_business(tmp_path: Path) -> None:
    for name in ("random", "queue", "logging", "selectors", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file was imported')\n")
    for name in ("tweezers", "replay"):
        (tmp_path / name).mkdir()
    (tmp_path / "lab.toml").write_text(LAB)
    assert sh("parfocal check tweezers", tmp_path).returncode == 0
    assert "`path`" in sh("parfocal check replay", tmp_path).stderr, "the built-in rig lacks its movie"
    up = sh("parfocal up lab.toml --detach", tmp_path)
    assert (up.returncode, up.stderr) == (0, "")
    with parfocal.attach("lab") as rig:
        assert rig["lamp"].double(2) == 4
        rig.stop()


@pytest.mark.parametrize("line", ["run lab.toml plan.yaml --detach", "prepare lab.toml plan.yaml"])
def test_a_rig_that_was_started_for_a_refused_run_does_not_stay_up(tmp_path: Path, line: str) -> None:
    camera = '[services.camera]\nkind = "camera"\nsettings.device = "simulated-camera"\n'
    (tmp_path / "lab.toml").write_text(f'name = "lab"\n{camera}')
    (tmp_path / "plan.yaml").write_text("channels: [green]\n")
    refused = sh(f"parfocal {line}", tmp_path)
    assert refused.returncode == 2, refused.stderr
    assert "channels" in refused.stderr
    assert directory.rigs() == ()


@pytest.mark.parametrize("file", ["types", "signal"])
def test_nor_are_they_for_the_processes_of_a_rig(tmp_path: Path, monkeypatch, file: str) -> None:
    (tmp_path / f"{file}.py").write_text("raise SystemExit('the wrong file was imported')\n")
    monkeypatch.chdir(tmp_path)
    lamp = {"name": "lab", "services": {"lamp": {"kind": "parfocal.testing.services:Counter"}}}
    with parfocal.open_rig(lamp, detach=True) as rig:
        assert rig["lamp"].double(2) == 4
        rig.stop()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("line", ["parfocal rigs > /dev/full", "parfocal rigs --json > /dev/full"])
def test_a_full_disk_for_the_output_is_one_line(tmp_path: Path, line: str) -> None:
    done = sh(line, tmp_path)
    assert done.returncode == 1
    assert done.stderr == "parfocal: the output could not be written: No space left on device\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EROFS, "Read-only file system", "lab.toml"), "lab.toml: Read-only file system"),
        (OSError(errno.ENOSPC, "No space left on device", "lab.toml"), "lab.toml: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "lab.toml"), "lab.toml: Permission denied"),
        (PermissionError("it belongs to another user"), "it belongs to another user"),
    ],
)
def test_a_file_that_the_system_refuses_is_one_line(monkeypatch, capsys, error: OSError, words: str) -> None:
    monkeypatch.setattr("parfocal.cli.kinds.write_template", Mock(side_effect=error))
    assert run(["new", "rig", "lab.toml"]) == 1
    assert capsys.readouterr().err == f"parfocal: {words}\n"


def test_any_other_error_of_the_system_is_told_with_its_place(monkeypatch) -> None:
    monkeypatch.setattr("parfocal.cli.kinds.write_template", Mock(side_effect=ConnectionResetError()))
    with pytest.raises(ConnectionResetError):
        run(["new", "rig", "lab.toml"])


def test_ctrl_c_while_it_is_imported_is_one_line(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "parfocal.cli.app", Interrupted("parfocal.cli.app"))
    assert main() == Exit.INTERRUPTED
    assert capsys.readouterr().err == "parfocal: interrupted; nothing had begun\n"


def test_closed_outputs_are_no_trouble(tmp_path: Path) -> None:
    assert sh("parfocal rigs >&-", tmp_path).stderr == ""
    assert sh("parfocal rigs --json >&- 2>&-", tmp_path).returncode == 0
    assert sh("parfocal down nobody 2>&-", tmp_path).returncode == 4
    assert sh("parfocal commands | true", tmp_path).stderr.count("\n") <= 1


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "de_DE.UTF-8"}],
)
def test_a_terminal_without_umlauts_is_no_trouble(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "lab.toml").write_text(LAB.replace('"lab"', '"lab"\ndescription = "Übung"', 1))
    done = sh("parfocal check lab.toml && parfocal down 'Prüfstand'", tmp_path, **environment)
    assert done.returncode == 4
    assert "no rig 'Pr" in done.stderr


def test_desktop_and_scheduled_job_see_the_same_rigs(tmp_path: Path, monkeypatch) -> None:
    for variable in ("PARFOCAL_RUNTIME_DIR", "XDG_RUNTIME_DIR", "TMPDIR"):
        monkeypatch.delenv(variable, raising=False)
    job = directory.runtime_root()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert directory.runtime_root() == job


def test_shared_memory_that_the_system_takes_away_ends_the_rig_and_is_named(caplog) -> None:
    lamp = {"name": "lab", "services": {"lamp": {"kind": "parfocal.testing.services:Counter"}}}
    with parfocal.open_rig(lamp) as rig:
        shutil.rmtree(directory.shm_folder("lab"))
        with caplog.at_level(logging.INFO, "parfocal.lab"):
            assert rig.wait(30)
    assert any("took its shared memory away" in text for text in caplog.messages)
    assert directory.rigs() == ()


@pytest.mark.skipif(os.name == "nt", reason="folders there have no modes")
@pytest.mark.parametrize("detach", [[], ["--detach"]])
@pytest.mark.parametrize("variable", [directory.RUNTIME_DIR, directory.SHM_DIR])
def test_a_folder_that_others_may_enter_is_refused_in_a_line(
    variable: str, detach: list[str], rig_roots, capsys
) -> None:
    Path(os.environ[variable]).chmod(0o755)
    assert run(["up", "tweezers", *detach]) == 1
    told = capsys.readouterr().err
    assert f"is open to other users; run chmod 700 on it, or set {variable} to another" in told
    assert "Traceback" not in told
