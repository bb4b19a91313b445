from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from parfocal.core import compiled


def test_compiled_code_goes_where_it_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    compiled.keep_compiled_code()
    assert "NUMBA_CACHE_DIR" not in os.environ, "beside the package, as usual"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(compiled, "_can_write", lambda folder: False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "chosen")
    compiled.keep_compiled_code()
    assert os.environ["NUMBA_CACHE_DIR"] == "chosen"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    compiled.keep_compiled_code()
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert compiled._user_cache() is None
    assert not compiled._can_write(None)
