"""Who wins: --set over what is kept, that over the rig's file, that over defaults."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import ConfigError
from parfocal.processes.kept_settings import KeptSettings
from parfocal.processes.setting_layers import source_of
from parfocal.rig.assemble import service_specs
from parfocal.rig.config import RigConfig, load_config
from parfocal.rig.layered_config import fitting, layered_config

LAMP = "parfocal.testing.services:Counter"


def lab() -> RigConfig:
    lamp = {"kind": LAMP, "settings": {"label": "file", "limit": 1.0}}
    camera = {"kind": "camera", "settings": {"device": "simulated-camera", "options": {"width_px": 128}}}
    return load_config({"name": "lab", "services": {"lamp": lamp, "camera": camera}})


def test_who_wins_and_where_it_comes_from() -> None:
    kept = KeptSettings({"lamp": {"label": "kept", "limit": 2.0}, "camera": {"options.height_px": 64}})
    config, layers, warnings = layered_config(lab(), kept, {"lamp.limit": 3.0, "camera.slots": 8})
    assert warnings == ()
    assert config.services["lamp"].settings == {"label": "kept", "limit": 3.0}
    assert config.services["camera"].settings["options"] == {"width_px": 128, "height_px": 64}
    found = {path: source_of(layers["lamp"], path) for path in ("label", "limit", "period_s")}
    assert found == {"label": "kept", "limit": "set", "period_s": "default"}
    found = {path: source_of(layers["camera"], path) for path in ("device", "options.width_px", "slots")}
    assert found == {"device": "file", "options.width_px": "file", "slots": "set"}
    specs = {spec.name: spec for spec in service_specs(config, layers)}
    assert specs["lamp"].settings == {"label": "kept", "limit": 3.0}
    assert specs["lamp"].layers["file"] == {"label": "file", "limit": 1.0}


@pytest.mark.parametrize(
    ("service", "path", "value", "reason"),
    [
        ("shutter", "label", "x", "has no service 'shutter' any more"),
        ("lamp", "labell", "x", "unknown key 'labell'; did you mean 'label'"),
        ("lamp", "period_s", -1, "greater than 0 (got -1)"),
        ("lamp", "period_s", "fast", "valid number"),
        ("camera", "options.width_px", "wide", "width_px"),
        ("camera", "device", "no-such-camera", "no-such-camera"),
    ],
)
def test_what_does_not_fit_any_more_is_told_by_name_and_the_rest_is_used(
    service: str, path: str, value: object, reason: str
) -> None:
    kept = {"lamp": {"label": "kept"}}
    kept.setdefault(service, {})[path] = value  # type: ignore[assignment]
    config, layers, (warning,) = layered_config(lab(), KeptSettings(kept), {})
    assert config.services["lamp"].settings["label"] == "kept"
    assert f"{service}.{path} is not used: " in warning
    assert reason in warning
    assert f"`parfocal settings {service} {path} --forget`" in warning
    assert path not in layers.get(service, {}).get("kept", {})


def test_what_is_kept_never_spoils_a_set_option() -> None:
    """The value of --set alone is fine; with the kept one it would not be."""
    kept = KeptSettings({"camera": {"device": "replay"}})
    config, _, (warning,) = layered_config(lab(), kept, {"camera.options.height_px": 32})
    assert config.services["camera"].settings["device"] == "simulated-camera"
    assert "camera.device is not used" in warning
    with pytest.raises(ConfigError, match="height_pix"):
        layered_config(lab(), kept, {"camera.options.height_pix": 32})


def test_settings_of_runs_are_kept_too() -> None:
    config, layers, warnings = layered_config(lab(), KeptSettings({"runs": {"on_failure": "pause"}}), {})
    (runs,) = (spec for spec in service_specs(config, layers) if spec.name == "runs")
    assert (runs.settings["on_failure"], runs.settings["camera"], warnings) == ("pause", "camera", ())
    assert source_of(layers["runs"], "on_failure") == "kept"
    bare = load_config({"name": "bare", "services": {"lamp": {"kind": LAMP}}})
    _, _, (warning,) = layered_config(bare, KeptSettings({"runs": {"on_failure": "pause"}}), {})
    assert "runs.on_failure" in warning


def test_a_file_that_could_not_be_read_is_told() -> None:
    assert layered_config(lab(), KeptSettings(problem="it is broken"), {}).warnings == ("it is broken",)


def ordered(values):
    """Accepts values that rise, none of them negative."""
    numbers = [values[key] for key in sorted(values)]
    if any(number < 0 for number in numbers) or numbers != sorted(numbers):
        raise ConfigError(f"not in order: {numbers}")


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(-3, 9)))
def test_as_many_as_fit_are_taken_and_each_other_one_is_told(values: dict[str, int]) -> None:
    taken, wrong = fitting(values, ordered)
    ordered(taken)
    assert {**taken, **{key: values[key] for key in wrong}} == values
    assert not taken.keys() & wrong.keys()
    for key, reason in wrong.items():
        assert "not in order" in reason
        with pytest.raises(ConfigError):
            ordered({**taken, key: values[key]})
