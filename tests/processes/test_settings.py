from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import ConfigError
from parfocal.processes import ServiceSpec
from parfocal.processes.child_pipe import Begin, read_order, to_line
from parfocal.processes.settings import (
    Secret,
    changed,
    export_toml,
    import_toml,
    kept_for_restart,
    plain,
)
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


class Limits(BaseModel):
    upper: float = 0.0
    weights: list[float] = []
    extra: Any = None
    slot: int = Field(0, alias="port")


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_numbers_without_end_and_none_at_all_come_back(number: float, tmp_path: Path) -> None:
    limits = changed(Limits(), {"upper": number, "weights": [number, 1.0]})
    begin = Begin(
        rig="r", folder="", streams="", search_path=[],
        spec=ServiceSpec(name="a", factory="m:C", settings=kept_for_restart(limits)),
    )  # fmt: skip
    arrived = read_order(to_line(begin))
    assert isinstance(arrived, Begin)
    assert repr(validate(Limits, arrived.spec.settings)) == repr(limits)
    export_toml(limits, tmp_path / "limits.toml")
    assert repr(import_toml(Limits, tmp_path / "limits.toml")) == repr((limits, ()))


def test_a_setting_is_known_outside_by_its_alias(tmp_path: Path) -> None:
    limits = changed(Limits(port=3), {"upper": 1.0})
    assert plain(limits)["port"] == 3
    assert validate(Limits, kept_for_restart(limits)) == limits
    export_toml(limits, tmp_path / "limits.toml")
    assert import_toml(Limits, tmp_path / "limits.toml") == (limits, ())
    with pytest.raises(ConfigError, match="unknown key 'slot'"):
        changed(limits, {"slot": 4})


def test_a_name_that_is_taken_beside_its_alias_changes_the_setting() -> None:
    class Both(BaseModel):
        model_config = ConfigDict(populate_by_name=True)
        slot: int = Field(0, alias="port")

    assert changed(Both(port=3), {"slot": 4}).slot == 4


def test_what_would_be_another_after_a_restart_is_refused() -> None:
    class Torn(BaseModel):
        slot: int = Field(0, validation_alias="in", serialization_alias="out")

    with pytest.raises(ConfigError, match=r"extra: nan would be None after a restart; choose another"):
        kept_for_restart(Limits(extra=math.nan))
    with pytest.raises(ConfigError, match=r"cannot be kept for a restart: .*object"):
        kept_for_restart(Limits(extra=object()))
    with pytest.raises(ConfigError, match=r"after a restart: unknown key 'out'"):
        kept_for_restart(Torn())
