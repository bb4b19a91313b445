"""All settings of a rig that does not run: what each is, what a change takes; secrets stay secret."""

from __future__ import annotations

import pytest

from parfocal.core.errors import ConfigError
from parfocal.processes.kept_settings import keep_settings, kept_path, read_kept
from parfocal.processes.setting_infos import SettingLimits
from parfocal.processes.settings_table import SettingsTable
from parfocal.rig.assemble import service_specs
from parfocal.rig.config import load_config
from parfocal.rig.layered_config import layered_config
from parfocal.rig.opening import load_source
from parfocal.rig.stopped_rig import StoppedRig


def board(**settings: object) -> StoppedRig:
    services = {"board": {"kind": "redpitaya", "settings": settings}}
    return StoppedRig(load_config({"name": "lab", "services": services}))


def found(rig: StoppedRig, service: str):
    return {status.name: status for status in rig.settings(service)[service]}


def test_each_setting_of_the_tweezers_rig_says_what_it_takes() -> None:
    rig = StoppedRig(load_source("tweezers"))
    every = rig.settings()
    assert {"camera", "tracker", "z_lock", "recorder", "runs"} <= set(every)
    assert not any(name.startswith("tracker-") for name in every), "a tracker's workers have its settings"
    assert all(status.type for statuses in every.values() for status in statuses)
    camera, tracker, lock = (found(rig, name) for name in ("camera", "tracker", "z_lock"))
    assert camera["frame_timeout_s"].limits == SettingLimits(above=0)
    assert (camera["frame_timeout_s"].unit, camera["frame_timeout_s"].applies) == ("s", "live")
    assert (camera["slots"].limits, camera["slots"].applies) == (SettingLimits(at_least=2), "restart")
    assert camera["options.exposure_ms"].applies == "restart"
    assert (tracker["policy"].choices, tracker["policy"].applies) == (("drop", "block"), "rig")
    assert (tracker["gain_e_per_adu"].unit, tracker["gain_e_per_adu"].kinds) == ("e/adu", ("null", "number"))
    assert tracker["roi_px"].limits == SettingLimits(at_least=8, at_most=256, multiple_of=2)
    assert lock["outside"].meaning.startswith("What happens when somebody else moves the focus")
    assert lock["focus"].applies == "restart"


def test_what_a_change_takes_is_told_before_anything_is_touched() -> None:
    config = load_source("tweezers")
    table = SettingsTable("tweezers", lambda: {spec.name: spec for spec in service_specs(config)})
    now = found(StoppedRig(config), "tracker")
    changes = {"workers": now["workers"].value + 1, "max_chi2": 2.0, "slots": now["slots"].value}
    (checked,) = table.check({"tracker": changes}, keep=True).values()
    assert checked.live == {"max_chi2": 2.0}
    assert checked.restart == {}, "it has that many slots"
    assert checked.rig == {"workers": changes["workers"]}
    assert checked.kept == changes
    group = {"options": {"exposure_ms": 3.0}}
    assert table.check({"camera": group}, keep=True)["camera"].kept == {"options.exposure_ms": 3.0}
    with pytest.raises(ConfigError, match=r"no service 'trakcer'; .*\ncamera: .*exposure_m"):
        table.check({"trakcer": {"slots": 2}, "camera": {"options.exposure_m": 3.0}}, keep=False)


def test_a_secret_is_kept_and_never_shown(tmp_path) -> None:
    rig = board(ssh={"user": "root"})
    rig.change_settings({"board": {"ssh.password": "sesame", "slots": 8}}, keep=True)
    assert "sesame" in kept_path("lab").read_text()
    assert kept_path("lab").stat().st_mode & 0o077 == 0
    password = found(rig, "board")["ssh.password"]
    assert (password.value, password.kept, password.source) == ("**********", "**********", "kept")
    assert "sesame" not in repr((rig.settings(), rig.kept_settings()))
    bundle = tmp_path / "lab.yaml"
    rig.save_settings(bundle)
    assert "password" not in bundle.read_text()
    rig.load_settings(bundle, keep=True)
    assert read_kept("lab").services == {"board": {"ssh.password": "sesame", "slots": 8}}


def test_a_secret_of_a_service_that_is_gone_is_told_by_its_name_alone() -> None:
    board(ssh={"user": "root"}).change_settings({"board": {"ssh.password": "sesame"}}, keep=True)
    bare = load_config({"name": "lab", "services": {}})
    (kept,) = StoppedRig(bare).kept_settings()
    assert (kept.name, kept.is_known, kept.value) == ("ssh.password", False, None)
    (warning,) = layered_config(bare, read_kept("lab"), {}).warnings
    assert "board.ssh.password is not used" in warning
    assert "sesame" not in warning


def test_nothing_that_is_null_is_lost() -> None:
    """A file says a number, what is kept says none: TOML could not tell that."""
    services = {"tracker": {"kind": "tracker", "settings": {"gain_e_per_adu": 2.0}}}
    rig = StoppedRig(load_config({"name": "lab", "services": services}))
    rig.change_settings({"tracker": {"gain_e_per_adu": None}}, keep=True)
    gain = found(rig, "tracker")["gain_e_per_adu"]
    assert (gain.value, gain.source, gain.in_file, gain.is_kept) == (None, "kept", 2.0, True)


def test_what_is_kept_and_does_not_fit_any_more_is_not_in_the_way_of_what_does() -> None:
    rig = StoppedRig(load_source("tweezers"))
    keep_settings(rig.name, {"camera": {"gone": 3, "frame_timeout_s": "long", "options.exposure_ms": 2.0}})
    rig.change_settings({"camera": {"slots": 16}}, keep=True)
    rig.change_settings({"camera": {"frame_timeout_s": 4.0}}, keep=True)
    now = found(rig, "camera")
    values = [now[name].value for name in ("slots", "frame_timeout_s", "options.exposure_ms")]
    assert values == [16, 4.0, 2.0]
    assert read_kept(rig.name).services["camera"]["gone"] == 3
