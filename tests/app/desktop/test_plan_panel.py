"""The plan editor over a real microscope: composed, foreseen, refused, prepared, started, and kept."""

from __future__ import annotations

import pytest

import parfocal
from parfocal.app.desktop.plan_editor.plan_draft import PlanDraft
from parfocal.runs import FreeDisk, Interlock, Sequence, combine, confirm, save_plan
from parfocal.runs.plans.plan_data import plan_from_data
from parfocal.runs.plans.plan_files import PlanWithPipeline, write_plan_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    folder = tmp_path_factory.mktemp("microscope")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with parfocal.open_rig("microscope") as opened:
            yield opened


@pytest.fixture
def plan_panel(rig, until):
    """Return what opens the plan editor in a window."""

    def opened(window):
        window.show_rig(rig.name)
        assert until(lambda: window.area is not None and window.area.is_laid_out)
        dock = window.area.open("plan")
        assert until(lambda: dock.panel is not None and dock.panel.checked is not None)
        return dock.panel

    return opened


def cell(table, row, key):
    """Return the index of a cell."""
    return table.model.index(row, [column.key for column in table.model.columns].index(key))


def write(table, row, key, text):
    """Write into a cell, as a person does."""
    table.model.setData(cell(table, row, key), text)


def foreseen(panel, events):
    forecast = panel.forecasts.forecast
    return forecast is not None and forecast.outline.events_total == events


def seen_state(window, run):
    """Return the state of a run as the window sees it; "" before it sees it."""
    status = window.session.snapshot().runs.get(run)
    return "" if status is None else status.state


def test_a_plan_is_composed_foreseen_prepared_and_started(window, plan_panel, rig, until):
    panel = plan_panel(window)
    panel._edit(PlanDraft())
    form = panel.form.sequence
    assert until(lambda: "nucleus" in form.channels.table.names.names)
    form.channels.table.add.click()
    write(form.channels.table, 0, "config", "nucleus")
    write(form.channels.table, 0, "exposure", "5")
    form.times.table.add.click()
    write(form.times.table, 0, "interval", "0.2")
    write(form.times.table, 0, "loops", "3")
    rig["xy"].move({"x": 30.0, "y": -10.0})
    assert until(lambda: panel.place.here.get("x") == 30.0 and panel.place.here.get("y") == -10.0)
    assert until(form.positions.here.isEnabled)
    form.positions.here.click()
    form.positions.tiles.click()
    assert until(lambda: foreseen(panel, 3 * 5))
    assert until(lambda: "p 5" in panel.view.facts.texts().get("axes", ""))
    assert until(lambda: "free" in panel.view.facts.texts().get("disk", ""))
    assert until(lambda: panel.view.map.isVisibleTo(panel.widget()))
    panel.name.setText("by hand")
    panel.prepare.click()
    assert until(lambda: panel.prepared == "by hand")
    assert until(lambda: seen_state(window, "by hand") == "prepared")
    assert until(lambda: panel.start.text() == "Start by hand")
    panel.start.click()
    assert until(lambda: seen_state(window, "by hand") == "ended")
    status = rig.runs["by hand"].status()
    assert status.outcome == "complete"
    assert status.events_total == 15
    record = parfocal.open_run(status.folder)
    assert plan_from_data(record.manifest.plan).channels[0].exposure == 5.0
    assert {round(float(x)) for x in record.events()["x_um"]} >= {30}


def test_what_is_wrong_is_shown_at_its_field_and_blocks_the_start(window, plan_panel, until):
    panel = plan_panel(window)
    panel._edit(PlanDraft(parts=({"type": "sequence", "channels": [{"config": "nucleus"}]},)))
    form = panel.form.sequence
    assert until(lambda: panel.start.isEnabled())
    write(form.channels.table, 0, "exposure", "1,5")
    assert until(lambda: "expected a number, got '1,5'" in form.channels.fault.text())
    assert not panel.start.isEnabled()
    assert until(
        lambda: cell(form.channels.table, 0, "exposure").data(3) == form.channels.fault.text()
    )  # its tip
    write(form.channels.table, 0, "exposure", "")
    assert until(lambda: panel.start.isEnabled())
    write(form.channels.table, 0, "config", "nucles")
    assert until(lambda: "did you mean 'nucleus'" in form.channels.fault.text())
    write(form.channels.table, 0, "config", "nucleus")
    form.positions.table.add.click()
    write(form.positions.table, 0, "x", "90000")
    assert until(lambda: "x cannot go to 90000 um" in form.positions.fault.text())
    panel.start.click()
    assert until(lambda: "x cannot go to 90000 um" in panel.line.text.text())
    form.positions.go.click()
    assert until(lambda: "90000" in form.positions.line.text.text())
    write(form.positions.table, 0, "x", "12")
    assert until(lambda: not form.positions.fault.text() and foreseen(panel, 1))
    form.positions.go.click()
    assert until(lambda: panel.place.here.get("x") == 12.0)


def test_parts_follow_one_another_and_files_are_opened_and_saved(window, plan_panel, until, tmp_path):
    panel = plan_panel(window)
    file = tmp_path / "drug.yaml"
    plan = combine(Sequence(channels=["nucleus"]), confirm("in?"), Sequence(channels=["cytoplasm"]))
    save_plan(plan, file)
    panel.open_file(str(file))
    assert until(lambda: panel.draft.path == str(file) and foreseen(panel, 3))
    assert panel.draft.is_saved
    panel.form.tabs.bar.setCurrentIndex(1)
    question = panel.form.pages.currentWidget()
    question.line.inputs["text"].setText("")
    question.line.inputs["text"].textEdited.emit("")
    assert until(lambda: bool(question.fault.text()))
    panel.save_file(str(file))
    assert until(lambda: "can't be saved" in panel.told.text())
    question.line.inputs["text"].setText("is it in?")
    question.line.inputs["text"].textEdited.emit("is it in?")
    panel.form.tabs.bar.setCurrentIndex(2)
    panel.form.tabs.added.emit({"type": "wait", "duration_s": 2.0})
    assert until(lambda: foreseen(panel, 4))
    assert not panel.draft.is_saved
    panel.save_file(str(tmp_path / "other.toml"))
    assert until(lambda: panel.draft.is_saved)
    panel.form.tabs.removed.emit(0)
    assert until(lambda: foreseen(panel, 3))
    panel.open.click()
    assert panel.question.isVisibleTo(panel.widget())
    panel.question.buttons["Keep it"].click()
    assert len(panel.draft.parts) == 3
    panel.open_file(str(tmp_path / "missing.yaml"))
    assert until(lambda: "cannot be read" in panel.told.text())


def test_what_the_editor_has_no_field_for_is_kept_and_interlocks_count(
    window, plan_panel, rig, until, tmp_path
):
    panel = plan_panel(window)
    plan = Sequence(
        time_plan={"interval": 1, "loops": 4},
        channels=[{"config": "nucleus", "exposure": 5, "acquire_every": 2}],
        stage_positions=[
            {"x": 0, "y": 0, "well": "B3"},
            {"rows": 2, "columns": 2, "x": 0, "y": 0, "name": "g"},
        ],
        z_plan={"relative": [0, 2], "go_up": False},
        ref_channels=["cytoplasm"],
        ref_frames="every 2 from 1",
        metadata={"phase": "before", "phase_id": 0},
        axis_order="ptcz",
        autofocus={"range": 4, "step": 1, "on_failure": "stop", "frames": [0, -1]},
    )
    door = Interlock(name="door", condition=FreeDisk(above=1e9))
    write_plan_file(PlanWithPipeline(plan, interlocks=(door,)), tmp_path / "all.yaml")
    panel.open_file(str(tmp_path / "all.yaml"))
    assert until(lambda: panel.draft.is_saved and panel.checked is not None and panel.checked.is_right)
    kept = panel.draft
    panel.form._take()
    assert panel.draft.parts == kept.parts
    write(panel.form.sequence.channels.table, 0, "exposure", "6")
    assert panel.draft.parts[0] == {**kept.parts[0], "channels": panel.draft.parts[0]["channels"]}
    panel.form._take_whole()
    assert panel.draft.interlocks == kept.interlocks
    assert "door" in panel.form.interlocks.told.text()
    assert until(lambda: panel.start.isEnabled())
    panel.start.click()
    assert until(lambda: "door" in panel.line.text.text()), panel.line.text.text()
    assert not [run for run in rig.runs.statuses().values() if not run.ended and run.state != "prepared"]


def test_an_unsaved_plan_is_there_again_and_closing_asks_nothing(open_window, plan_panel, until):
    first = open_window()
    panel = plan_panel(first)
    panel._edit(PlanDraft())
    panel.form.sequence.times.table.add.click()
    write(panel.form.sequence.times.table, 0, "loops", "many")
    kept = panel.draft
    first.close_all()
    second = open_window()
    again = plan_panel(second)
    assert until(lambda: again.draft == kept)
    assert until(lambda: "many" in again.form.sequence.times.fault.text())
