"""What several windows keep in one file: none takes back what another one has kept meanwhile."""

from __future__ import annotations

import msgspec
import pytest

from parfocal.app.desktop.kept_window import KeptFile, kept_path, read_kept


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("PARFOCAL_STATE_DIR", str(tmp_path))


def keep(file: KeptFile, rig: str, docks: bytes) -> None:
    layouts = {**file.kept.layouts, rig: docks}
    file.keep(msgspec.structs.replace(file.kept, rig=rig, layouts=layouts))
    file.close()


def test_a_window_that_opened_before_leaves_the_layouts_that_another_one_has_kept_since() -> None:
    keep(KeptFile(), "tweezers", b"as it was")
    first, second = KeptFile(), KeptFile()
    keep(first, "tweezers", b"as it is now")
    keep(second, "microscope", b"docks of the microscope")
    assert read_kept().layouts == {"tweezers": b"as it is now", "microscope": b"docks of the microscope"}
    assert read_kept().rig == "microscope"


def test_a_layout_that_the_disk_did_not_take_is_written_once_it_does() -> None:
    folder = kept_path().parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way")
    file = KeptFile()
    keep(file, "tweezers", b"docks of the tweezers")
    folder.unlink()
    keep(file, "microscope", b"docks of the microscope")
    assert set(read_kept().layouts) == {"tweezers", "microscope"}
