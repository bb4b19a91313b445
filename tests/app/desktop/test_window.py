"""The desktop's window over a real rig: what a person sees and does, and what cannot hold it up."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager

import msgspec
import pytest

import parfocal
from parfocal.app.desktop.status_rows import VERBOSE_COLUMN
from parfocal.runs import Sequence

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LONG_PLAN = Sequence(time_plan={"interval": 0.5, "loops": 2000})


@pytest.fixture
def desktop(window, rig, until):
    """The window, with the rig in it."""
    window.show_rig("paneled")
    assert until(lambda: window.area is not None and window.area.is_laid_out)
    return window


@pytest.fixture
def service(desktop, until):
    """Return what shows the panel of a service, once it is made."""

    def shown(name):
        panel = desktop.area.docks["instruments"].panel
        widget = panel.show_service(name)
        assert until(lambda: widget._built is not None)
        return widget

    desktop.area.open("instruments")
    assert until(lambda: desktop.area.docks["instruments"].panel is not None)
    return shown


def test_a_value_is_edited_refused_and_changed_by_another_client(service, rig, until):
    camera = service("camera")
    editor = camera.controls.editors["exposure_ms"]
    assert until(lambda: editor.value == 1.0)
    editor.input.setText("2.5")
    editor.input.editingFinished.emit()
    assert until(lambda: rig["camera"].exposure_ms() == 2.5)
    editor.input.setText("-1")
    editor.input.editingFinished.emit()
    line = camera.controls.lines["exposure_ms"]
    assert until(lambda: "exposure_ms must lie" in line.text.text())
    assert until(lambda: editor.value == 2.5)
    rig["camera"].set_exposure_ms(4.0)
    assert until(lambda: editor.value == 4.0)
    rig["focus"].set_settings({"poll_s": 0.03})
    focus = service("focus")
    assert until(lambda: focus.settings.live.editors["poll_s"].value == 0.03)


def test_a_long_command_shows_progress_is_cancelled_and_a_result_is_shown(service, until):
    focus = service("focus")
    form = focus.commands["move_to"]
    form.editors["position_nm"].show_value(9_000.0)
    form.button.click()
    assert until(lambda: form.line.cancel.isVisible())
    form.line.cancel.click()
    assert until(lambda: "the motion was stopped" in form.line.text.text())
    focus.commands["position"].run()
    assert until(lambda: focus.commands["position"].line.text.text().startswith("→"))


def test_a_claimed_service_refuses_in_its_place_and_stop_is_asked(desktop, service, rig, until):
    run = rig.run(LONG_PLAN, name="long")
    assert until(run.is_running)
    camera = service("camera")
    editor = camera.controls.editors["exposure_ms"]
    assert until(lambda: editor.value == 1.0)
    editor.input.setText("3")
    editor.input.editingFinished.emit()
    assert until(lambda: "long" in camera.controls.lines["exposure_ms"].text.text())
    assert until(lambda: desktop._run_action.isVisible())
    assert until(lambda: "long" in desktop.session.snapshot().runs)
    desktop.stop_bar.button.click()
    assert "long" in desktop.stop_bar.question._text.text()
    desktop.stop_bar.question.buttons["Let it go on"].click()
    assert run.is_running()
    desktop.stop_bar.button.click()
    desktop.stop_bar.question.buttons["Stop runs at once"].click()
    assert until(lambda: run.status().ended)


def test_stop_everything_halts_a_move(desktop, service, rig, until):
    focus = service("focus")
    focus.commands["move_to"].editors["position_nm"].show_value(9_000.0)
    focus.commands["move_to"].run()
    assert until(lambda: focus.commands["move_to"].line.is_pending and rig["focus"].is_moving())
    desktop.stop_bar.ask()
    everything = [text for text in desktop.stop_bar.question.buttons if text.startswith("Stop everything")]
    desktop.stop_bar.question.buttons[everything[0]].click()
    assert until(lambda: "was halted" in focus.commands["move_to"].line.text.text())


def test_the_search_finds_and_runs_anything(desktop, until):
    def search(words):
        desktop.search.search(words)
        return [str(entry) for entry in desktop.search.found]

    assert until(lambda: search("focus halt"))
    desktop.search._choose(0)
    focus = desktop.area.docks["instruments"].panel.services["focus"]
    assert until(lambda: focus.line._request is not None and focus.line._request.state == "done")
    assert until(lambda: search("camera exposure"))
    desktop.search._choose(0)
    assert desktop.area.docks["instruments"].panel.list.currentText() == "camera"
    assert search("light colours")
    desktop.search._choose(0)
    assert desktop.theme_name == "light"
    assert [name for name, act in desktop._actions.items() if act.isChecked()] == ["Light colours"]
    desktop.set_theme("red")
    assert [name for name, act in desktop._actions.items() if act.isChecked()] == ["Red colours"]
    assert search("stop")[0].startswith("Stop")
    assert not any("Refused" in entry for entry in search("stop")[:3])
    assert search("words to look for") == ["Log  /  words to look for"]
    desktop.search._choose(0)
    assert desktop.focusWidget() is desktop.area.docks["log"].panel.words
    assert search("log panel")
    desktop.search._choose(0)
    assert until(lambda: desktop.area.docks["log"].is_seen)


def test_a_wider_window_gives_its_room_to_what_is_looked_at(desktop, until):
    assert until(lambda: "live camera" in desktop.area.docks)  # it comes with the camera's stream
    live, motors = (desktop.area.open(name) for name in ("live camera", "motors"))
    assert until(lambda: live.is_seen and motors.is_seen and 0 < motors.width() < 500)
    before = live.width(), motors.width()
    assert until(lambda: desktop.area._right_px == before[1])
    desktop.resize(desktop.width() + 300, desktop.height())
    assert until(lambda: live.width() == before[0] + 300)
    assert motors.width() == before[1]
    desktop.resize(desktop.width() - 300, desktop.height())
    assert until(lambda: (live.width(), motors.width()) == before)


def test_all_settings_are_saved_taken_and_refused(desktop, rig, until, tmp_path):
    file, bar = tmp_path / "all.yaml", desktop.settings
    bar.save("paneled", str(file))
    assert until(lambda: bar.told.isVisible() and file.is_file())
    rig.change_settings({"focus": {"telemetry_s": 0.25}})
    bar.take("paneled", str(file))
    assert until(lambda: "1 were others before" in bar.told._text.text())
    assert rig["focus"].get_settings()["telemetry_s"] == 1.0
    file.write_text(file.read_text().replace("width_px: 64", "width_px: 96"))
    bar.take("paneled", str(file))
    assert until(lambda: "Nothing is taken" in bar.told._text.text())
    bar.told.buttons["Restart services with them"].click()
    assert until(lambda: "1 were others before" in bar.told._text.text())
    assert rig["camera"].get_settings()["options"]["width_px"] == 96
    bar.take("paneled", str(tmp_path / "none.yaml"))
    assert until(lambda: "none.yaml" in bar.told._text.text())
    assert list(bar.told.buttons) == ["Close"]
    bar.told.buttons["Close"].click()
    assert not bar.told.isVisible()


def test_status_and_log_tell_of_every_service(desktop, rig, until):
    desktop.area.open("status")
    assert until(lambda: desktop.area.docks["status"].panel is not None)
    status = desktop.area.docks["status"].panel
    rig["camera"].start()
    assert until(lambda: set(status.services.texts()) == set(rig.services))
    assert until(lambda: "%" in status.services.texts()["camera"][2])
    assert until(lambda: "fps" in status.streams.texts().get("camera", ("", ""))[1])
    desktop.area.open("log")
    assert until(lambda: desktop.area.docks["log"].panel is not None)
    log = desktop.area.docks["log"].panel
    assert until(lambda: "ready" in log.text.toPlainText())
    log.words.setText("focus")
    assert until(lambda: "camera" not in log.text.toPlainText() and "ready" in log.text.toPlainText())


def test_a_stopped_service_holds_the_window_up_nowhere(desktop, service, rig, until):
    focus = service("focus")
    pid = rig.status().services["focus"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        focus.commands["position"].run()
        assert until(lambda: "no answer" in focus.silent.text())
        camera = service("camera")
        assert until(lambda: camera.controls.editors["exposure_ms"].value == 1.0)
    finally:
        os.kill(pid, signal.SIGCONT)
    service("focus")
    assert until(lambda: focus.commands["position"].line.text.text().startswith("→"))


def test_a_killed_rig_leaves_the_window_alive_and_is_found_again(window, until, config):
    parfocal.open_rig(config, detach=True).close()
    window.show_rig("paneled")
    assert until(lambda: window.area is not None)
    with parfocal.attach("paneled") as rig:
        os.kill(rig.status().pid, signal.SIGKILL)
    assert until(lambda: window.state.text() == "has ended")
    failed = window.session.ask("camera", "exposure_ms")
    assert until(lambda: failed.state == "failed")
    with parfocal.open_rig(config):
        assert until(lambda: window.state.text() == "")
        again = window.session.ask("camera", "exposure_ms")
        assert until(lambda: again.state == "done")


def test_layout_theme_and_rig_are_kept_and_broken_ones_fall_back(open_window, rig, until):
    from parfocal.app.desktop.kept_window import kept_path, read_kept

    first = open_window()
    first.show_rig("paneled")
    assert until(lambda: first.area is not None)
    assert until(lambda: not first.area.docks["log"].isHidden())
    first.area.docks["log"].hide()
    first.set_theme("red")
    first.keep()
    assert until(lambda: (read_kept().rig, read_kept().theme) == ("paneled", "red"))  # as if killed now
    second = open_window()
    assert until(lambda: second.area is not None)
    assert second.theme_name == "red"
    assert until(lambda: second.area.docks["log"].isHidden())
    for window in (first, second):
        window.close()
        window.file.close()
    kept = read_kept()
    broken = msgspec.structs.replace(kept, layouts={"paneled": b"nonsense"}, theme="no such", geometry=b"x")
    kept_path().write_bytes(msgspec.json.encode(broken))
    third = open_window()
    assert until(lambda: third.area is not None and not third.area.docks["log"].isHidden())
    assert third.theme_name == "dark"


def test_a_dock_new_to_a_kept_layout_stands_among_tabs_and_no_layout_makes_the_window_higher(
    open_window, rig, until
):
    first = open_window()
    first.show_rig("paneled")
    assert until(lambda: first.area is not None and first.area.is_laid_out)
    first.area.remove("log")  # as if a version without it had kept the layout
    first.close()
    first.file.close()
    second = open_window()
    assert until(lambda: second.area is not None and second.area.is_laid_out)
    docks = second.area.docks
    assert until(lambda: docks["status"] in second.area.tabifiedDockWidgets(docks["log"]))
    assert until(lambda: not docks["log"].isHidden())
    for name in ("instruments", "runs", "status", "log"):
        second.area.open(name)
        assert until(lambda name=name: docks[name].panel is not None)
    size = second.size()
    second.area.lay_out()
    assert until(lambda: docks["live camera"].is_seen)
    assert second.size() == size


@contextmanager
def rig_without_camera(config):
    """Open a rig that has no camera yet; lends it, and the camera to be added."""
    services = dict(config["services"])
    camera = services.pop("camera")
    with parfocal.open_rig({**config, "services": services}) as rig:
        yield rig, camera


def test_a_live_view_that_comes_with_a_late_camera_stands_in_front(open_window, config, until):
    with rig_without_camera(config) as (rig, camera):
        window = open_window()
        window.show_rig("paneled")
        assert until(lambda: window.area is not None and window.area.is_laid_out)
        docks = window.area.docks
        assert until(lambda: docks["plan"].is_seen)
        rig.add("camera", camera)
        assert until(lambda: "live camera" in window.area.docks)
        assert next(iter(window.area.docks)) == "live camera"
        assert until(lambda: window.area.docks["live camera"].is_seen)
        window.area.open("scripts")
        window.area.lay_out()
        assert until(lambda: window.area.docks["live camera"].is_seen)


def test_a_panel_that_comes_late_does_not_cover_one_that_a_person_writes_into(open_window, config, until):
    with rig_without_camera(config) as (rig, camera):
        window = open_window()
        window.show_rig("paneled")
        assert until(lambda: window.area is not None and window.area.docks["plan"].is_seen)
        plan = window.area.docks["plan"]
        assert until(lambda: plan.panel is not None)
        from PySide6.QtCore import Qt

        plan.panel.widget().setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        plan.panel.widget().setFocus()
        assert plan.isAncestorOf(window.focusWidget())
        rig.add("camera", camera)
        assert until(
            lambda: plan in window.area.tabifiedDockWidgets(window.area.docks.get("live camera", plan))
        )
        assert window.area._covers_writing(window.area.docks["live camera"])


def test_a_panel_that_fails_is_told_in_its_place(desktop, until):
    from PySide6.QtWidgets import QLabel

    from parfocal.app.desktop.panel import Panel

    class Broken(Panel):
        title = "Broken"
        icon = "fa6s.bug"

        def widget(self):
            raise ValueError("no widget today")

    desktop.area.add("broken", Broken)
    desktop.area.open("broken")
    dock = desktop.area.docks["broken"]
    assert until(lambda: any("no widget today" in label.text() for label in dock.findChildren(QLabel)))
    desktop.look()


def test_verbose_logging_is_switched_for_one_service_by_a_click_and_for_all(desktop, rig, until):
    status = desktop.area.open("status")
    assert until(lambda: status.panel is not None and "camera" in status.panel.services.texts())
    services = status.panel.services
    services.itemClicked.emit(services._items["camera"], VERBOSE_COLUMN)
    assert until(lambda: rig.status().services["camera"].verbose)
    assert until(lambda: services.texts()["camera"][VERBOSE_COLUMN] == "☑")
    assert services.texts()["focus"][VERBOSE_COLUMN] == "☐"
    status.panel.verbose.click()
    assert until(lambda: all(each.verbose for each in rig.status().services.values()))
    assert until(lambda: status.panel.verbose.isChecked())
    status.panel.verbose.click()
    assert until(lambda: not any(each.verbose for each in rig.status().services.values()))
