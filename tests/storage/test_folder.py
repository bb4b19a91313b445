from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import DiskFullError
from parfocal.storage.folder import RunFolder, safe_name


class Noon:
    """A clock that stands still."""

    def utc_ns(self) -> int:
        return 1_700_000_000_000_000_000

    monotonic_ns = utc_ns

    def wait(self, event: object, timeout_s: float) -> bool:
        raise NotImplementedError


def test_each_run_gets_a_new_folder(tmp_path: Path) -> None:
    folders = [RunFolder.create(tmp_path / "data", "beads", clock=Noon()) for _ in range(3)]
    assert [folder.path.name for folder in folders] == [
        "2023-11-14T22-13-20_beads",
        "2023-11-14T22-13-20_beads-2",
        "2023-11-14T22-13-20_beads-3",
    ]
    assert RunFolder.create(tmp_path, clock=Noon()).path.name == "2023-11-14T22-13-20"


@pytest.mark.parametrize(
    ("name", "on_disk"),
    [
        ("a/b", "a-b"),
        ("..\\x", "x"),
        ("60 % [2. Tröpfchen]", "60-2.-Tröpfchen"),
        ("x" * 200, "x" * 120),
        (".hidden", "hidden"),
        ("con", "con"),
        ("a\n", "a"),
        ("u\u0308 \udcff", "ü"),
        ("", ""),
        (" . ", ""),
    ],
)
def test_any_name_is_made_safe(tmp_path: Path, name: str, on_disk: str) -> None:
    folder = RunFolder.create(tmp_path, name, clock=Noon())
    assert folder.path.name == "_".join(filter(None, ["2023-11-14T22-13-20", on_disk]))


@given(st.text(max_size=300))
def test_whatever_a_run_is_called_its_folder_can_be_made(name: str) -> None:
    made = safe_name(name)
    assert len(made.encode()) <= 120
    assert not set(made) & set('/\\:*?"<>|%[](){}$&; \n\t\0')
    assert not made.startswith((".", "-"))
    assert safe_name(made) == made


def test_too_little_space_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="free some space"):
        RunFolder.create(tmp_path, least_free_bytes=10**20)
    assert not list(tmp_path.iterdir())


def test_it_knows_whether_it_is_still_there(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path)
    assert folder.exists
    folder.path.rename(tmp_path / "moved")
    assert not folder.exists
    folder.path.mkdir()
    assert not folder.exists, "another folder of the same name is not the run's"


def test_the_reserve_is_given_up_once(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path)
    assert sum(path.stat().st_size for path in folder.path.iterdir()) > 100_000
    folder.give_up_reserve()
    folder.give_up_reserve()
    assert not list(folder.path.iterdir())
