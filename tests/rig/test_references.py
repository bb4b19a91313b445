"""A check of a rig file finds streams that nobody writes, and commands that nobody has."""

import tomllib
from pathlib import Path

import pytest

from parfocal.core.errors import ConfigError
from parfocal.rig.config import load_config
from parfocal.rig.named_rigs import builtin_rigs
from parfocal.rig.references import check_references

LAB = Path(__file__).parents[2] / "examples" / "own_lab" / "lab.toml"


def changed(service: str, **settings):
    data = tomllib.loads(LAB.read_text("utf-8"))
    data["services"][service]["settings"] |= settings
    data["services"]["tracker"] = {"kind": "tracker", "settings": {"workers": 2, "tracks": "beads"}}
    load_config(LAB)  # its module lies beside it
    return load_config(data)


@pytest.mark.parametrize("path", [LAB, *builtin_rigs().values()], ids=lambda path: path.stem)
def test_the_rigs_that_come_with_parfocal_name_what_there_is(path):
    check_references(load_config(path))


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("rows", ["senser"], r"services\.recorder\.settings\.rows: .* 'senser'; did you mean 'sensor'\?"),
        ("frames", "camra", r"services\.recorder\.settings\.frames: .* 'camra'; did you mean 'camera'\?"),
        ("policies", {"bead": "block"}, r"settings\.policies: .* 'bead'; did you mean 'beads'\?"),
        ("stop_calls", {"cam": "stop"}, r"stop_calls: there is no service 'cam'; did you mean 'camera'\?"),
        ("stop_calls", {"camera": "stp"}, r"'camera' has no command 'stp'; did you mean 'stop'\?"),
    ],
)
def test_what_a_recorder_names_has_to_be_there(setting, value, told):
    with pytest.raises(ConfigError, match=told):
        check_references(changed("recorder", **{setting: value}))


def test_what_services_write_is_known_by_their_settings():
    check_references(changed("recorder", rows=["sensor", "beads", "profiles", "tracker-2"]))
    with pytest.raises(ConfigError, match="names them in `streams_written`"):
        check_references(changed("recorder", rows=["tracks"]))


def test_a_device_without_the_methods_of_its_kind_is_found():
    data = {
        "name": "half",
        "services": {"camera": {"kind": "camera", "settings": {"device": f"{__name__}:Half"}}},
    }
    with pytest.raises(
        ConfigError, match=r"services\.camera: device '.*:Half' is no Camera: it lacks .*read_into"
    ):
        check_references(load_config(data))


class Half:
    """A camera that nobody finished."""

    def open(self):
        """Open nothing."""
