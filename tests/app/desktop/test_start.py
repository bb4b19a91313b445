"""Starting a laboratory from the desktop: steps, cancel, a failure's own error, and the rig lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
import tomli_w
from PIL import Image

import parfocal
from parfocal.app.desktop.starting import RigStart
from parfocal.core.clock import poll_until
from parfocal.processes import directory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LONG_S = 120.0
FOCUS = {"kind": "stage", "settings": {"device": "simulated-focus"}}


@pytest.fixture
def rig_file(tmp_path):
    """Return what writes a rig file; the rig is ended after the test."""

    def write(**services):
        path = tmp_path / "small.toml"
        path.write_text(tomli_w.dumps({"name": "small", "services": services}))
        return str(path)

    yield write
    if "small" in [record.rig for record in directory.rigs()]:
        with parfocal.attach("small") as rig:
            rig.stop()


def test_a_rig_is_started_shown_left_and_found_again(window, until, rig_file):
    source = rig_file(focus=FOCUS)
    window.choose_rig(source)
    assert until(lambda: window.area is not None)
    assert window.name.text() == "small"
    assert until(lambda: "focus" in window.area.docks["status"].panel.services.texts())
    window.close()
    with parfocal.attach("small") as rig:
        assert poll_until(lambda: rig.status().services["focus"].state == "ready", LONG_S)


def test_the_page_lists_what_runs_and_the_end_is_asked_for(window, until, rig_file):
    source = rig_file(focus=FOCUS)
    with parfocal.open_rig(source, detach=True):
        pass
    assert until(lambda: "small" in window.start_page.cards)
    window.start_page.cards["small"].button.click()
    assert until(lambda: window.area is not None)
    window.ask_to_end()
    window.ending.buttons["Let it run"].click()
    assert not window.ending.isVisible()
    window.ask_to_end()
    window.ending.buttons["End the laboratory"].click()
    assert until(lambda: window.area is None and not directory.rigs())


def test_a_start_is_cancelled(window, until, rig_file):
    source = rig_file(focus=FOCUS)
    window.start_page.choose(source)
    card = window.start_page.cards[source]
    assert card.cancel.isVisibleTo(card)
    card.cancel.click()
    assert until(lambda: not window.start_page.is_starting)
    assert window.area is None or until(lambda: window.area is None)
    assert until(lambda: not directory.rigs())
    assert until(lambda: "cancelled" in card.told.text())


def test_a_service_that_fails_shows_its_own_error(window, until, rig_file):
    broken = {"kind": "camera", "settings": {"device": "replay", "options": {"path": "no-such-movie.tif"}}}
    window.start_page.choose(source := rig_file(camera=broken))
    card = window.start_page.cards[source]
    assert until(lambda: not window.start_page.is_starting)
    assert until(lambda: "no-such-movie.tif" in card.told.text() and card.button.isVisibleTo(card))


def test_what_each_service_waits_for_is_told(rig_file):
    start = RigStart(rig_file(focus=FOCUS, other={**FOCUS, "depends_on": ["focus"]}))
    assert poll_until(lambda: start.state == "ready", LONG_S), start.error
    assert poll_until(lambda: {step.service for step in start.steps} == {"focus", "other"}, LONG_S)
    start.leave()


@contextmanager
def app(*arguments, **options):
    """Lend ``parfocal app`` as a program of its own, which is there no longer than that."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "parfocal", "app", *arguments]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **options) as shown:
        try:
            yield shown
        finally:
            shown.kill()


def test_the_command_starts_a_rig_draws_a_picture_and_leaves_it_running(rig_file, tmp_path):
    picture = tmp_path / "desktop.png"
    with app(
        rig_file(focus=FOCUS), "--screenshot", str(picture), "--seconds", "1", "--theme", "red"
    ) as shown:
        assert shown.wait(LONG_S) == 0, shown.stderr.read()
    with Image.open(picture) as image:
        assert image.size == (1280, 800)
    with parfocal.attach("small") as rig:
        assert rig.detached
        assert poll_until(lambda: rig.status().services["focus"].state == "ready", LONG_S)


def test_a_rig_that_nobody_knows_is_refused_before_any_window():
    with app("no-such-rig") as refused:
        assert refused.wait(LONG_S) == 4
        assert "no-such-rig" in refused.stderr.read()


def test_a_picture_that_could_not_be_written_is_refused_before_a_rig_is_started(rig_file, tmp_path):
    for wrong in ("desktop.xyz", "nowhere/desktop.png"):
        with app(rig_file(focus=FOCUS), "--screenshot", str(tmp_path / wrong)) as refused:
            assert refused.wait(LONG_S) != 0
            assert "desktop.xyz" in (said := refused.stderr.read()) or "nowhere" in said
        assert not directory.rigs()


def test_a_signal_ends_the_window_and_not_the_rig(rig_file):
    with app(rig_file(focus=FOCUS)) as shown:
        assert poll_until(lambda: "small" in [record.rig for record in directory.rigs()], LONG_S)
        with parfocal.attach("small") as rig:
            assert poll_until(lambda: rig.status().services["focus"].state == "ready", LONG_S)
        shown.send_signal(signal.SIGTERM)
        assert shown.wait(LONG_S) == 0, shown.stderr.read()
    with parfocal.attach("small") as rig:
        assert rig.status().services["focus"].state == "ready"
