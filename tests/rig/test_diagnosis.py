"""What doctor advises."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parfocal.processes import awake
from parfocal.rig import diagnosis


def found(what: str) -> diagnosis.Finding:
    (finding,) = (each for each in diagnosis.diagnose() if each.what == what)
    return finding


def test_paths_that_are_too_long_for_sockets_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("runtime folder").ok
    monkeypatch.setenv("PARFOCAL_RUNTIME_DIR", "/tmp/" + "x" * 60)
    finding = found("runtime folder")
    assert not finding.ok
    assert not finding.needed
    assert "shorter folder" in finding.remedy


def test_a_logout_that_takes_shared_memory_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    lingers: list[bool] = []

    def exists(path: Path) -> bool:
        return lingers[-1] if "linger" in path.parts else True

    monkeypatch.setattr(Path, "exists", exists)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: type("User", (), {"pw_name": "ada"}))
    lingers.append(False)
    assert diagnosis._logout().remedy == "loginctl enable-linger ada"
    lingers.append(True)
    assert diagnosis._logout().ok


def test_real_time_priority_that_is_not_allowed_is_told_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnosis, "why_no_real_time", lambda: "this user may not have it")
    finding = found("real-time priority")
    assert not finding.ok
    assert not finding.needed
    assert "limits.conf" in finding.remedy


def test_whether_services_may_have_a_processor_of_their_own_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for why, told in (
        ("", "one for services"),
        ("there is one for everything", "none for services: there is"),
    ):
        monkeypatch.setattr(diagnosis, "why_no_own_processor", lambda why=why: why)
        assert found("own processor").ok
        assert found("own processor").found.startswith(told)


def test_processors_that_may_not_be_kept_awake_are_told_with_a_remedy_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(diagnosis, "why_not_awake", lambda: "this user may not")
    monkeypatch.setattr(awake, "DEVICE", tmp_path)
    finding = found("processors awake")
    assert not finding.ok
    assert not finding.needed
    assert "udev" in finding.remedy
    monkeypatch.setattr(awake, "DEVICE", tmp_path / "none")
    assert found("processors awake").remedy == ""
