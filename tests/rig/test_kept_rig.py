"""Settings of rigs that run: kept across starts and crashes, restarted alone, told with their sources."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ClaimedError, CommandError, ConfigError, ServiceNotFoundError
from parfocal.processes.kept_settings import keep_settings, kept_path, read_kept
from parfocal.rig.opening import settings_of
from parfocal.rig.rig import Rig
from parfocal.rig.rig_settings import KeptSetting

COUNTER = "parfocal.testing.services:Counter"
PATIENCE_S = 60.0


def lab() -> dict[str, object]:
    fast = {"kind": COUNTER, "back_off_s": 0.01}
    return {
        "name": "lab",
        "services": {"lamp": {**fast, "settings": {"label": "file", "limit": 1.0}}, "other": fast},
    }


@pytest.fixture
def rig() -> Iterator[Rig]:
    with parfocal.open_rig(lab()) as rig:
        yield rig


def settings(rig, service: str = "lamp") -> dict[str, tuple[object, str]]:
    """Return value and source of each setting."""
    return {each.name: (each.value, each.source) for each in rig.settings(service)[service]}


def pid(rig: Rig, service: str) -> int:
    return rig.status().services[service].pid


def kill(rig: Rig, service: str) -> None:
    """Kill a service, and return when it is back."""
    before = pid(rig, service)
    os.kill(before, signal.SIGKILL)

    def back() -> bool:
        now = rig.status().services[service]
        return now.state == "ready" and now.pid != before

    assert poll_until(back, PATIENCE_S)


@pytest.mark.slow
def test_kept_values_come_back_at_the_next_start_and_after_crashes_with_live_ones() -> None:
    keep_settings("lab", {"lamp": {"label": "kept", "extra": None}})
    with parfocal.open_rig(lab(), changes={"lamp.limit": 3.0}) as rig:
        assert settings(rig)["label"] == ("kept", "kept")
        assert settings(rig)["limit"] == (3.0, "set")
        assert settings(rig)["period_s"] == (0.01, "default")
        rig.change_settings({"lamp": {"limit": 5.0}})
        rig["lamp"].set_settings({"period_s": 0.02})
        assert (settings(rig)["limit"], settings(rig)["period_s"]) == ((5.0, "live"), (0.02, "live"))
        kill(rig, "lamp")
        found = settings(rig)
        assert (found["label"], found["limit"]) == (("kept", "kept"), (5.0, "live"))
        assert rig["lamp"].get_settings()["period_s"] == 0.02
        assert rig["lamp"].setting_sources() == {
            "extra": "kept", "label": "kept", "limit": "live", "period_s": "live",
        }  # fmt: skip
    with parfocal.open_rig(lab()) as rig:
        found = settings(rig)
        assert (found["label"], found["limit"]) == (("kept", "kept"), (1.0, "file"))


def test_a_change_is_kept_listed_and_forgotten(rig: Rig) -> None:
    rig.change_settings({"lamp": {"label": "new", "resource": "lamp:1"}}, keep=True)
    assert settings(rig)["label"] == ("new", "live")
    assert settings(rig)["resource"] == ("", "default"), "it is not restarted"
    assert rig.kept_settings() == (
        KeptSetting(service="lamp", name="label", value="new", in_file="file", now="new", source="live"),
        KeptSetting(service="lamp", name="resource", value="lamp:1", in_file="", now="", source="default"),
    )
    keep_settings("lab", {"shutter": {"open": True}})
    assert rig.kept_settings()[-1] == KeptSetting(service="shutter", name="open", is_known=False)
    assert rig.forget_settings("lamp", "label") == {"lamp": {"label": "new"}}
    assert settings(rig)["label"] == ("new", "live"), "what runs goes on with it"
    assert set(rig.forget_settings()) == {"lamp", "shutter"}
    assert rig.kept_settings() == ()
    for wrong, told in (
        ({"lamp": {"labell": "x", "period_s": -1}}, r"lamp: unknown key 'labell'.*\nlamp: period_s: .*-1"),
        ({"lamp": {"label": 3}, "other": {"limit": "high"}}, r"lamp: label: .*3\)\nother: limit: .*'high'"),
    ):
        with pytest.raises(CommandError, match=told):
            rig.change_settings(wrong, keep=True)
    with pytest.raises(ServiceNotFoundError, match="did you mean 'lamp'"):
        rig.change_settings({"lmap": {"label": "x"}})
    assert read_kept("lab").services == {}
    assert settings(rig, "other")["limit"] == (0.0, "default")


@pytest.mark.slow
def test_what_takes_a_restart_is_refused_or_restarts_that_service_alone(rig: Rig) -> None:
    pids = pid(rig, "lamp"), pid(rig, "other")
    with pytest.raises(ConfigError, match="lamp keeps resource as long as it runs: restart it"):
        rig.change_settings({"lamp": {"label": "x", "resource": "lamp:1"}})
    with pytest.raises(CommandError, match="lamp keeps its settings resource"):
        rig["lamp"].set_settings({"resource": "lamp:1"})
    assert settings(rig)["label"] == ("file", "file"), "nothing was touched"
    rig.change_settings({"lamp": {"label": "x", "resource": "lamp:1"}}, restart=True)
    assert settings(rig)["resource"] == ("lamp:1", "live")
    assert settings(rig)["label"] == ("x", "live")
    assert pid(rig, "lamp") != pids[0]
    assert pid(rig, "other") == pids[1]
    before = pid(rig, "lamp")
    rig.change_settings({"lamp": {"resource": "lamp:1"}}, restart=True)
    assert pid(rig, "lamp") == before, "it has that value already"
    # one that does not come up with the new value goes on with the old one
    with pytest.raises(
        CommandError, match=r"not ready again: .*lamp:1.*it is started again with the settings"
    ):
        rig.change_settings({"other": {"resource": "lamp:1"}}, restart=True, keep=True)
    assert settings(rig, "other")["resource"] == ("", "default")
    assert rig["other"].double(2) == 4
    assert read_kept("lab").services == {}, "what failed is not kept"
    kill(rig, "lamp")
    assert settings(rig)["resource"] == ("lamp:1", "live")


@pytest.mark.slow
def test_a_service_that_a_run_uses_is_not_restarted(rig: Rig) -> None:
    before = pid(rig, "lamp")
    with parfocal.attach("lab") as other, other["lamp"].claim("overnight"):
        with pytest.raises(CommandError, match="run 'overnight' uses"):
            rig.change_settings({"lamp": {"resource": "lamp:1"}}, restart=True)
        with pytest.raises(CommandError, match="nothing is changed: run 'overnight' uses lamp"):
            rig.change_settings({"other": {"label": "x"}, "lamp": {"label": "y"}})
        assert (settings(rig)["label"], settings(rig, "other")["label"]) == (
            ("file", "file"),
            ("", "default"),
        )
        assert pid(rig, "lamp") == before
        rig.change_settings({"lamp": {"resource": "lamp:1"}}, restart=True, force=True)
        assert pid(rig, "lamp") != before


@pytest.mark.slow
def test_one_that_has_ended_is_started_with_other_settings(rig: Rig) -> None:
    rig.end("other")
    with pytest.raises(ConfigError, match="other does not run just now"):
        rig.change_settings({"other": {"label": "x"}})
    rig.change_settings({"other": {"label": "x"}}, restart=True)
    assert rig["other"].get_settings()["label"] == "x"


def test_a_bundle_is_taken_over_whole_or_not_at_all(rig: Rig, tmp_path) -> None:
    file = tmp_path / "lab.yaml"
    rig.change_settings({"lamp": {"label": "mine", "limit": 7.0}})
    rig.save_settings(file)
    rig.change_settings({"lamp": {"label": "theirs"}, "other": {"period_s": 0.5}})
    whole = file.read_text()
    for wrong, told in (
        (whole.replace("  other:", "  othr:"), "no service 'othr'; did you mean 'other'"),
        (whole.replace("label: mine", "lable: mine"), "lamp: unknown key 'lable'; did you mean 'label'"),
        (whole.replace("period_s: 0.01", "period_s: -4", 1), r"lamp: period_s: .*greater than 0 \(got -4"),
    ):
        assert wrong != whole
        file.write_text(wrong)
        with pytest.raises((CommandError, BadInputError), match=told):
            rig.load_settings(file)
    file.write_text("services: [")
    with pytest.raises(BadInputError, match=r"lab\.yaml is no bundle of settings"):
        rig.load_settings(file)
    assert (settings(rig)["label"], settings(rig, "other")["period_s"]) == (("theirs", "live"), (0.5, "live"))
    file.write_text(whole)
    others = rig.load_settings(file, keep=True)
    assert others == {"lamp": {"label": "mine"}, "other": {"period_s": 0.01}}
    assert settings(rig)["label"] == ("mine", "live")
    assert read_kept("lab").services == {"lamp": {"label": "mine", "limit": 7.0}}, (
        "what is as in the file is not"
    )


def test_a_rig_that_is_stopped_keeps_and_takes_over_a_bundle(tmp_path) -> None:
    rig_file, bundle = tmp_path / "lab.toml", tmp_path / "lab.yaml"
    rig_file.write_text(f'name = "lab"\n[services.lamp]\nkind = "{COUNTER}"\nsettings.label = "file"\n')
    with settings_of(str(rig_file)) as stopped:
        assert settings(stopped)["label"] == ("file", "file")
        with pytest.raises(BadInputError, match="does not run: keep the change"):
            stopped.change_settings({"lamp": {"label": "x"}})
        with pytest.raises(ConfigError, match="lamp: limit: "):
            stopped.change_settings({"lamp": {"limit": "high"}}, keep=True)
        stopped.change_settings({"lamp": {"limit": 2.0}}, keep=True)
        assert settings(stopped)["limit"] == (2.0, "kept")
        stopped.save_settings(bundle)
        bundle.write_text(bundle.read_text().replace("label: file", "label: bundle").replace("2.0", "0.0"))
        stopped.load_settings(bundle, keep=True)
        assert read_kept("lab").services == {"lamp": {"label": "bundle"}}
    with parfocal.open_rig(rig_file) as rig:
        assert settings(rig)["label"] == ("bundle", "kept")


@pytest.mark.slow
@pytest.mark.parametrize("detach", [False, True])
def test_what_is_broken_is_told_at_the_start_which_goes_on(detach: bool, caplog) -> None:
    keep_settings("lab", {"shutter": {"open": 1}, "lamp": {"label": "kept"}})
    with parfocal.open_rig(lab(), detach=detach) as rig:
        told = "kept setting shutter.open is not used"
        assert poll_until(lambda: told in caplog.text, PATIENCE_S)
        log = rig._connection.folder / "rig.log"
        assert poll_until(lambda: log.exists() and "shutter.open" in log.read_text(), PATIENCE_S)
        assert settings(rig)["label"] == ("kept", "kept")
        rig.stop()
    kept_path("lab").write_text("format: 1\nservices: {lamp: {label: ha")
    with parfocal.open_rig(lab(), detach=detach) as rig:
        assert poll_until(lambda: "settings.broken-1.yaml" in caplog.text, PATIENCE_S)
        assert settings(rig)["label"] == ("file", "file")
        rig.stop()


@pytest.mark.slow
def test_a_record_tells_where_its_settings_came_from(tmp_path) -> None:
    camera = {"device": "simulated-camera", "options": {"width_px": 64, "height_px": 64}}
    config = {
        "name": "lab",
        "services": {
            "camera": {"kind": "camera", "settings": camera},
            "recorder": {"kind": "recorder", "settings": {"folder": str(tmp_path), "frames": ["camera"]}},
        },
    }
    keep_settings("lab", {"camera": {"options.exposure_ms": 2.0}})
    with parfocal.open_rig(config, changes={"camera.slots": 16}) as rig:
        rig.change_settings({"camera": {"frame_timeout_s": 3.0}})
        handle = rig.acquire("video", frames=5)
        assert handle.wait(PATIENCE_S).outcome == "complete"
        record = parfocal.open_run(handle.status().folder).manifest
    assert record.settings["camera"]["options"]["exposure_ms"] == 2.0
    sources = record.setting_sources["camera"]
    assert sources["options.exposure_ms"] == "kept"
    assert sources["options.width_px"] == "file"
    assert (sources["slots"], sources["frame_timeout_s"]) == ("set", "live")
    assert "truth" not in sources


@pytest.mark.slow
def test_what_carries_out_runs_is_not_restarted_while_one_goes_on() -> None:
    services = {"camera": {"kind": "camera", "settings": {"device": "simulated-camera"}}}
    with parfocal.open_rig({"name": "lab", "services": services}) as rig:
        handle = rig.acquire("video", seconds=600, save=False)
        with pytest.raises(ClaimedError, match=f"runs is not restarted: run '{handle.name}' goes on"):
            rig.change_settings({"runs": {"keep_times": False}}, restart=True)
        handle.cancel("the test is over")
        handle.wait(PATIENCE_S)
        rig.change_settings({"runs": {"keep_times": False}}, restart=True)
        assert rig["runs"].get_settings()["keep_times"] is False
