"""A lab's day through the widgets, from the start page to the browser; judged by what the record says."""

from __future__ import annotations

import os
import signal
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import tomli_w

import parfocal
from parfocal.app.browser.catalogue import Catalogue
from parfocal.app.browser.window import BrowserWindow
from parfocal.processes import directory
from parfocal.viewers.qt.theme import theme_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NAME = "day"
SMALL = {"width_px": 256, "height_px": 192, "beads": 2, "frame_rate_hz": 50.0, "stuck": 0.5}


@pytest.fixture
def laboratory(tmp_path):
    """The built-in tweezers as a file of their own, with fewer beads; ended after the test."""
    config = tomllib.loads((files("parfocal.rig") / "builtin" / "tweezers.toml").read_text())
    config["name"] = NAME
    config["runs"] = {"restart_s": 120.0}
    config["services"]["camera"]["settings"]["options"] |= SMALL
    config["services"]["camera"]["settings"]["slots"] = 256
    config["services"]["recorder"]["settings"]["folder"] = str(tmp_path / "runs")
    path = tmp_path / "day.toml"
    path.write_text(tomli_w.dumps(config))
    yield str(path)
    if NAME in [record.rig for record in directory.rigs()]:
        with parfocal.attach(NAME) as rig:
            rig.stop()


@pytest.fixture
def day(window, until, laboratory):
    """Start the laboratory from the start page; return what opens a dock."""
    window.start_page.choose(laboratory)
    assert until(lambda: window.area is not None and window.area.is_laid_out)

    def opened(name):
        dock = window.area.open(name)
        assert until(lambda: dock.panel is not None)
        return dock.panel

    return opened


def run_of(window, name):
    """Return how a run is, as the window sees it; None before it does."""
    return window.session.snapshot().runs.get(name)


def find_beads_and_take_a_reference(panel, until):
    live, beads = panel("live camera"), panel("beads")
    live.switch.live.click()
    assert until(lambda: beads.board.camera == "camera")
    assert until(lambda: bool(live.switch.running.value))
    beads.find.click()
    assert until(lambda: len(beads.board.centers) == SMALL["beads"])
    beads.board.selected = min(beads.board.centers)
    assert until(beads.reference.isEnabled)
    beads.reference.click()
    assert until(lambda: list(beads.board.references) == [beads.board.selected])
    return beads


def make_tables(panel, until, window):
    tables = panel("tables")
    for name, value in {"start_nm": -500.0, "stop_nm": 500.0, "step_nm": 100.0, "frames": 2}.items():
        tables.fields[name].show_value(value)
    assert until(tables.make.isEnabled)
    tables.make.click()
    assert until(lambda: "tables can be made when it has ended" in tables.told.text())
    assert not tables.make.isEnabled()
    assert until(lambda: tables.review.sweep is not None and tables.review.use.isEnabled())
    assert until(lambda: all(run.ended for run in window.session.snapshot().runs.values()))
    tables.review.use.click()
    assert until(lambda: not tables.review.use.isEnabled() and not tables.review.line.is_pending)
    assert until(lambda: tables.in_use.text() == "In use: tables of 2 of 2 beads.")


def hold_the_focus(panel, until):
    """Lock the focus to the reference, and let it go before the pull."""
    live = panel("live camera")
    assert until(lambda: bool(live.switch.running.value)), "a camera that was live is so after a run"
    beads = panel("beads")
    assert until(lambda: "z_lock" in beads.locks)
    lock = beads.locks["z_lock"]
    assert until(lock.by.isEnabled)
    lock.by.click()
    assert until(lambda: not lock.line.is_pending)
    lock.switch.click()
    assert until(lambda: lock.status.value is not None and bool(lock.status.value.targets_nm))
    assert until(lambda: lock.status.value.state == "holding")


def pull(panel, until, window):
    """Begin a slow ramp with video of the regions; return the name of its run."""
    motors = panel("motors")
    assert until(lambda: "force" in motors.cards and motors.cards["force"].table.value is not None)
    force = motors.cards["force"]
    for name, value in {"start_pn": 1.0, "stop_pn": 4.0, "rate_pn_per_s": 0.01}.items():
        force.fields["ramp"][name].show_value(value)
    force.video.setChecked(True)
    before = set(window.session.snapshot().runs)
    force.buttons["ramp"].click()
    assert until(lambda: set(window.session.snapshot().runs) - before), force.line.text.text()
    (name,) = set(window.session.snapshot().runs) - before
    assert until(lambda: (run_of(window, name).event_fraction or 0.0) > 0.002), force.line.text.text()
    return name


def kill_the_tracker(panel, until, window):
    """Kill it while it records; return once it tracks again."""
    status = panel("status")
    killed = window.session.snapshot().rig.services["tracker"]
    os.kill(killed.pid, signal.SIGKILL)

    def rows():
        stream = window.session.snapshot().rig.streams.get("tracks")
        return 0 if stream is None else stream.produced

    def is_back():
        service = window.session.snapshot().rig.services["tracker"]
        return service.restarts > killed.restarts and service.state == "ready"

    assert until(is_back)
    assert until(lambda: status.services.texts()["tracker"][4] not in ("", "0"))
    before = rows()
    assert until(lambda: rows() > before + 20)


def check_record(folder, reference):
    """Nothing is missing without being told, and all that happened is told."""
    record = parfocal.open_run(folder)
    manifest = record.manifest
    assert record.outcome == "cancelled"
    assert "from the desktop" in manifest.reason
    assert "tracker ended" in manifest.reason
    assert "SIGKILL" in manifest.reason
    assert "tracker" in {each.service for each in manifest.incidents}
    assert {command.command for command in manifest.commands} >= {"cancel", "force.ramp"}
    assert manifest.settings["z_lock"]["beads"] == [reference]
    tracker = manifest.devices["tracker"]
    assert tracker["drift"]["references"] == [reference]
    assert tracker["tables"]["beads"] == list(range(SMALL["beads"]))
    assert {"tables.npz", "rig.toml"} <= set(manifest.artifacts)
    assert len(record.rows("drift")) == manifest.streams["drift"].stored > 0
    for name, stream in manifest.streams.items():
        assert stream.expected == stream.stored + stream.lost, name
        assert not stream.uncounted or stream.writer.startswith("tracker"), name
    video, tracks, rows = manifest.streams["roi_video"], manifest.streams["tracks"], record.rows("tracks")
    assert len(rows) == tracks.stored
    assert len(record.frames("roi_video")) == video.stored > 0
    one_frame = 1  # of which the tracker may have been killed between its rows and its pictures
    missing = video.lost + tracks.lost + one_frame
    assert abs(video.stored - tracks.stored / SMALL["beads"]) <= missing
    assert set(rows["bead"]) == set(range(SMALL["beads"]))
    assert np.isfinite(rows["z_nm"]).mean() > 0.9, "the tables of the wizard were used"
    magnet = record.rows("magnet")
    assert len(magnet) == manifest.streams["magnet"].stored > 0


def open_in_browser(application, until, runs, folder):
    """Return the row of a run in the browser's window, once that has read it."""
    catalogue = Catalogue(str(runs), looks_again_s=float("inf"))
    catalogue.start()
    browser = BrowserWindow(catalogue, theme_of("dark"), "headless")
    try:
        browser.show()

        def found():
            rows = [row for row in browser.model.rows if row.is_read and Path(folder).name in row.path]
            return rows[0] if rows else None

        assert until(lambda: found() is not None)
        return found()
    finally:
        browser.close()
        browser.deleteLater()
        application.processEvents()


def test_a_day_from_the_start_page_to_the_browser(day, window, until, application, tmp_path):
    beads = find_beads_and_take_a_reference(day, until)
    (reference,) = beads.board.references
    make_tables(day, until, window)
    hold_the_focus(day, until)
    name = pull(day, until, window)
    kill_the_tracker(day, until, window)
    window.stop_bar.ask()
    assert name in window.stop_bar.question._text.text()
    window.stop_bar.question.buttons["Stop runs at once"].click()
    assert until(lambda: run_of(window, name).ended)
    folder = run_of(window, name).folder
    window.ask_to_end()
    window.ending.buttons["End the laboratory"].click()
    assert until(lambda: window.area is None and not directory.rigs())
    check_record(folder, reference)
    row = open_in_browser(application, until, tmp_path / "runs", folder)
    assert row.outcome.startswith("cancelled (from the desktop; tracker ended")
