"""A laboratory's file: what is refused, and what the refusal says."""

import re

import pytest

from parfocal.core.errors import ConfigError
from parfocal.rig.config import RigConfig, load_config, save_config, with_changes

CAMERA = {"kind": "camera", "settings": {"device": "simulated-camera"}}
BENCH = {
    "name": "bench",
    "services": {"camera": CAMERA, "tracker": {"kind": "tracker", "depends_on": ["camera"]}},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nam": "x"}, "unknown key 'nam'; did you mean 'name'?"),
        (
            {"name": "Two Words"},
            "name: a name is 1 to 32 of a-z, 0-9, '-' and '_', and begins with a letter (got 'Two Words')",
        ),
        ({"services": {"camera": {"kind": "camra"}}}, "kind 'camra' is unknown (did you mean 'camera'?)"),
        ({"services": {"camera": {}}}, "key 'services.camera.kind' is missing"),
        (
            {"services": {"camera": {"kind": "camera", "polcy": "stop"}}},
            "unknown key 'services.camera.polcy'; did you mean 'policy'?",
        ),
        (
            {"runs": {"own_processor": ["runs"]}},
            "; the 'own_processor' of the whole file stands before its first [table]",
        ),
        (
            {"services": {"camera": {**CAMERA, "settings": {**CAMERA["settings"], "real_time": ["runs"]}}}},
            "; the 'real_time' of the whole file stands before its first [table]",
        ),
        (
            {"services": {"camera": {"kind": "camera", "depends_on": ["stge"]}, "stage": {"kind": "stage"}}},
            "camera depends on 'stge', which is no service; did you mean 'stage'?",
        ),
        (
            {"services": {"camera": {"kind": "camera"}}, "real_time": ["camera", "run"]},
            "real_time: 'run' is no service; did you mean 'runs'?",
        ),
        ({"services": {"recorder": {"kind": "recorder"}}, "real_time": ["runs"]}, "real_time: 'runs'"),
        (
            {"services": {"camera": {"kind": "camera"}}, "own_processor": ["camra"]},
            "own_processor: 'camra' is no service; did you mean 'camera'?",
        ),
        (
            {
                "services": {"camera": {"kind": "camera"}},
                "own_processor": ["camera", "runs"],
                "real_time": ["runs"],
            },
            "real_time and own_processor both name runs",
        ),
        (
            {"services": {"camera": {"kind": "camera"}}, "runs": {"real_time_workers": True}},
            "real_time_workers needs 'runs' in real_time",
        ),
        ({"services": {"rig": {"kind": "camera"}}}, "a service cannot be called 'rig'"),
        ({"services": {"camera": {"kind": "no.where:Camera"}}}, "kind 'no.where:Camera' cannot be imported"),
        ({"services": {"camera": {"kind": "camera", "hang_after_s": 0}}}, "hang_after_s"),
    ],
)
def test_refusals_name_the_key_and_the_nearest(change, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config(BENCH | change)


def test_all_problems_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        load_config({"nam": "x", "services": {"camera": {"kind": "camra"}}})
    assert len(str(caught.value).splitlines()) == 3


def test_service_settings_are_checked_before_anything_starts():
    wrong = {
        "name": "bench",
        "services": {"camera": {"kind": "camera", "settings": {"device": "replay", "slts": 4}}},
    }
    with pytest.raises(ConfigError, match=r"services\.camera\.settings.*'slts'.*did you mean 'slots'"):
        load_config(wrong)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read: No such file"):
        load_config(tmp_path / "none.toml")


def test_a_file_that_is_not_toml(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("name = [")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(path)


def test_saved_and_loaded_again_it_is_the_same(tmp_path):
    config = RigConfig.model_validate(BENCH)
    save_config(config, tmp_path / "bench.toml")
    assert load_config(tmp_path / "bench.toml") == config


@pytest.mark.parametrize(
    ("path", "message"),
    [("camrea.stream", "did you mean 'camera'"), ("camera", "write SERVICE.SETTING=VALUE")],
)
def test_changes_have_to_address_a_setting(path, message):
    with pytest.raises(ConfigError, match=message):
        with_changes(RigConfig.model_validate(BENCH), {path: 1})
