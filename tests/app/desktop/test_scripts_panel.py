"""The script editor over a real rig: written, checked at its lines, run, asked, steered, and kept."""

from __future__ import annotations

import pytest

import parfocal
from parfocal.app.desktop.background import BackgroundResult
from parfocal.app.desktop.script_editor.script_draft import ScriptDraft
from parfocal.core.clock import SYSTEM_CLOCK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SCRIPT = '''"""Asks, and waits."""


def main(lab):
    lab.step("look", of=2)
    print("exposure", lab["camera"].exposure_ms())
    answer = lab.ask("how does it look?", ("good & round", "bad"))
    lab.step(f"it looks {answer}", of=2)
    lab.sleep(600)
'''


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    camera = {"device": "simulated-camera", "options": {"width_px": 64, "height_px": 48, "beads": 1}}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("scripted"))
        services = {"camera": {"kind": "camera", "settings": camera}}
        with parfocal.open_rig({"name": "scripted", "services": services}) as opened:
            yield opened


@pytest.fixture
def scripts_panel(rig, until):
    """Return what opens the script editor in a window."""

    def opened(window):
        window.show_rig(rig.name)
        assert until(lambda: window.area is not None and window.area.is_laid_out)
        dock = window.area.open("scripts")
        assert until(lambda: dock.panel is not None and dock.panel.checked is not None)
        return dock.panel

    return opened


def wrong_lines(panel):
    return None if panel.checked is None else set(panel.editor.problems)


def test_a_script_is_checked_run_answered_and_steered(window, scripts_panel, rig, until):
    panel = scripts_panel(window)
    panel._edit(ScriptDraft())
    panel.editor.setPlainText(SCRIPT.replace("exposure_ms", "exposure").replace("lab.sleep", "lab.slep"))
    assert until(lambda: wrong_lines(panel) == {6, 9})
    assert "did you mean 'exposure_ms'" in panel.editor.problems[6]
    assert "line 9" in panel.problems.text()
    assert until(lambda: not panel.run.isEnabled())
    panel.problems.chosen.emit(9)
    assert panel.editor.textCursor().blockNumber() == 8
    panel.editor.setPlainText(SCRIPT)
    assert until(lambda: wrong_lines(panel) == set() and panel.run.isEnabled())
    panel.check.click()
    assert until(lambda: "may run on scripted" in panel.told.text())
    assert until(panel.run.isEnabled)
    panel.run.click()
    view = panel.run_view
    assert until(lambda: view.status is not None and view.status.question)
    run = view.status.run
    assert until(lambda: view.steering.question.isVisibleTo(view))
    assert list(view.steering.question.buttons) == ["good & round", "bad"]
    assert view.steering.question._text.text() == "how does it look?"
    view.steering.question.buttons["good & round"].click()
    assert until(lambda: "step 2 of 2: it looks good & round" in view.step.text())
    assert until(lambda: "exposure" in view.log.toPlainText())
    view.steering.pause.click()
    assert until(lambda: rig.runs[run].status().is_paused)
    assert until(lambda: view.chip.text() == "PAUSED")
    view.steering._resume("shift")
    assert until(lambda: rig.runs[run].status().state in ("running", "waiting"))
    view.steering._cancel("stop")
    assert until(lambda: view.chip.text() == "CANCELLED")
    assert rig.runs[run].status().outcome == "cancelled"


def test_files_examples_and_drafts(open_window, scripts_panel, until, tmp_path):
    first = open_window()
    panel = scripts_panel(first)
    file = tmp_path / "mine.py"
    file.write_text(SCRIPT)
    panel.open_file(str(file))
    assert until(lambda: panel.draft.is_saved)
    file.write_text("def main(lab):\n    pass\n")
    assert until(lambda: "pass" in panel.editor.toPlainText() and panel.draft.is_saved)
    panel.editor.setPlainText("def main(lab):\n    lab.step('mine')\n")
    assert not panel.draft.is_saved
    file.write_text("def main(lab):\n    lab.step('theirs')\n")
    assert until(lambda: panel.changed.isVisibleTo(panel.widget()))
    panel.changed.buttons["Keep mine"].click()
    assert not panel.changed.isVisibleTo(panel.widget())
    assert "mine" in panel.editor.toPlainText()
    panel.save_file(str(file))
    assert until(lambda: panel.draft.is_saved)
    assert "mine" in file.read_text()
    assert until(lambda: len(panel.menu.actions()) >= 10)
    panel.menu.actions()[0].trigger()
    assert panel.draft.path == ""
    assert "def main(lab)" in panel.editor.toPlainText()
    panel.editor.setPlainText("def main(lab):\n    lab.step('unsaved')")
    panel.new.click()
    assert panel.dropping.isVisibleTo(panel.widget())
    panel.dropping.buttons["Keep it"].click()
    kept = panel.draft
    first.close_all()
    second = open_window()
    again = scripts_panel(second)
    assert until(lambda: again.draft == kept)
    assert again.editor.toPlainText() == kept.text


def test_a_check_that_can_not_be_made_is_told_and_made_again_later(window, scripts_panel):
    panel = scripts_panel(window)
    panel._touch(0.0)
    now_s = SYSTEM_CLOCK.monotonic_ns() / 1e9
    panel._take_checked(BackgroundResult(None, "no such luck"))
    assert panel.told.text() == "no such luck"
    assert panel._due_s > now_s
