from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from parfocal.core.errors import ConfigError
from parfocal.processes.settings import Secret, changed, export_toml, import_toml, plain
from parfocal.processes.validation import validate


class Light(BaseModel):
    power: float = Field(0.0, ge=0, le=1)
    colours: list[str] = ["red"]


class Lab(BaseModel):
    exposure_ms: float = Field(10.0, gt=0)
    label: str = ""
    comment: str | None = None
    light: Light = Light()


def test_each_wrong_key_is_named_with_its_value() -> None:
    with pytest.raises(ConfigError, match=r"exposure_ms: .*greater than 0 \(got -1\)\nlabel: .* \(got 3\)"):
        validate(Lab, {"exposure_ms": -1, "label": 3})
    with pytest.raises(ConfigError, match=r"light.power: .*\(got 2\)"):
        validate(Lab, {"light": {"power": 2}})
    with pytest.raises(ConfigError, match=r"unknown key 'exposure'; did you mean 'exposure_ms'"):
        validate(Lab, {"exposure": 1})


def test_a_refused_change_leaves_everything() -> None:
    lab = validate(Lab, {"label": "a"})
    with pytest.raises(ConfigError):
        changed(lab, {"label": "b", "exposure_ms": 0})
    assert plain(lab) == plain(Lab(label="a"))
    assert changed(lab, {"exposure_ms": 2}).exposure_ms == 2.0


@given(
    st.builds(
        Lab,
        exposure_ms=st.floats(0.001, 1e6),
        label=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
        light=st.builds(Light, power=st.floats(0, 1), colours=st.lists(st.sampled_from(["red", "blue"]))),
    )
)
def test_what_is_exported_is_imported(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> None:
    path = tmp_path_factory.getbasetemp() / "lab.toml"
    export_toml(lab, path)
    assert import_toml(Lab, path) == (lab, ())


def test_wrong_keys_in_a_file_fall_back_and_are_named(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text('exposure_ms = "long"\nlabell = "x"\nlabel = "kept"\n[light]\npower = 7\n')
    lab, warnings = import_toml(Lab, path)
    assert lab == Lab(label="kept")
    assert len(warnings) == 3
    for key in ("labell", "exposure_ms", "light.power"):
        assert any(key in warning for warning in warnings)


@pytest.mark.parametrize("content", [b"exposure_ms = = 3", b"\xff\xfe"])
def test_a_malformed_file_falls_back_as_a_whole(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lab.toml"
    path.write_bytes(content)
    lab, (warning,) = import_toml(Lab, path)
    assert lab == Lab()
    assert str(path) in warning


def test_a_missing_value_without_a_default_is_an_error(tmp_path: Path) -> None:
    class Needs(BaseModel):
        port: str

    path = tmp_path / "needs.toml"
    path.write_text("")
    with pytest.raises(ConfigError, match="'port' is missing"):
        import_toml(Needs, path)


class Login(BaseModel):
    user: str = "root"
    password: Secret | None = None


def test_a_secret_is_kept_and_not_shown() -> None:
    login = changed(validate(Login, {"password": "sesame"}), {"user": "ali"})
    assert "sesame" not in f"{login!r} {login} {plain(login)} {login.model_dump()}"
    assert validate(Login, plain(login, secrets=True)) == login
    with pytest.raises(ConfigError, match=r"password: .*in place of a secret"):
        changed(login, plain(login))
