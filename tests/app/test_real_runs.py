"""The run status widget on real rigs: it finds runs, steers them, and lives on whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import parfocal
from parfocal.app.napari_plugin.reading import read_layers
from parfocal.core.clock import poll_until
from parfocal.rig.all_snapshots import AllSnapshots
from parfocal.runs import Sequence, combine, confirm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LONG_S = 120.0
CAMERA = {"device": "simulated-camera", "options": {"width_px": 16, "height_px": 16, "beads": 0}}
CONFIG = {
    "name": "windowed",
    "runs": {"keep_times": False},
    "services": {"camera": {"kind": "camera", "settings": CAMERA}},
}
LONG_PLAN = Sequence(time_plan={"interval": 0.5, "loops": 2000})


@pytest.fixture
def source():
    from parfocal.app.run_window.run_source import RunSource

    made = RunSource()
    yield made
    made.close()
    assert made.join(LONG_S)


@pytest.fixture
def widget(application, source):
    from parfocal.app.run_window.run_widget import RunWidget
    from parfocal.viewers.qt.theme import THEMES

    made = RunWidget(source, THEMES["dark"])
    made.resize(1000, 760)
    made.show()
    yield made
    made.close()
    made.deleteLater()
    application.processEvents()


@pytest.fixture
def until(application):
    """Let the window live until something is so."""

    def look(wanted):
        application.processEvents()
        return wanted()

    return lambda wanted: poll_until(lambda: look(wanted), LONG_S)


def test_a_run_is_shown_grows_in_place_is_steered_and_stays_readable(widget, until):
    with parfocal.open_rig(CONFIG) as rig:
        first = rig.prepare(LONG_PLAN, name="first")
        assert until(lambda: widget.name.text() == "windowed/first" and widget.chip.text() == "PREPARED")
        widget.steering.start.click()
        assert until(lambda: widget.chip.text() not in ("PREPARED", "PENDING") and first.is_running())
        assert until(lambda: widget.strip._view.outline.events_total == 2000)
        first.extend(LONG_PLAN)
        assert until(lambda: widget.strip._view.outline.events_total == 4000)
        widget.steering.pause.click()
        assert until(lambda: widget.chip.text() == "PAUSED")
        assert first.is_paused()
        widget.steering.resume.menu().actions()[0].trigger()
        assert until(lambda: not first.is_paused())
        assert until(lambda: widget.steering.stop.isEnabled())
        widget.steering.stop.click()
        widget.steering.how_to_stop.buttons["Stop at once"].click()
        assert until(lambda: widget.chip.text() == "CANCELLED")
        second = rig.run(combine(confirm("go?"), Sequence(), axis="t"), name="second")
        assert until(lambda: widget.name.text() == "windowed/second" and widget.chip.text() == "QUESTION")
        widget.steering.question.buttons["Yes, go on"].click()
        second.wait(LONG_S)
        assert until(lambda: widget.chip.text() == "COMPLETE")
    widget.chooser.list.activated.emit(1)
    assert until(lambda: widget.name.text() == "windowed/first" and widget.chip.text() == "CANCELLED")


def test_while_nobody_answers_the_window_lives_and_says_so(widget, until, application):
    with parfocal.open_rig(CONFIG, detach=True) as rig:
        rig.run(LONG_PLAN, name="first")
        assert until(lambda: widget.name.text() == "windowed/first" and widget.steering.pause.isEnabled())
        status = rig.status()
        stopped = (status.pid, status.services["runs"].pid)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        widget.steering.pause.click()
        assert until(lambda: widget.chip.text() == "NO ANSWER")
        assert widget.silent.isVisible()
        assert until(lambda: "pause was refused" in widget.note.text())
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        assert until(lambda: not widget.silent.isVisible())
        rig.stop()
    assert until(lambda: "No rig is running" in widget.idle.text() or widget.chip.text() != "RUNNING")


def test_two_widgets_share_what_was_found(application, until):
    from parfocal.app.run_window.run_source import RunSource

    with AllSnapshots() as snapshots, parfocal.open_rig(CONFIG) as rig:
        rig.run(Sequence(), name="short").wait(LONG_S)
        sources = [RunSource(snapshots=snapshots) for _ in range(2)]
        for source in sources:
            assert until(lambda source=source: source.shown().run == ("windowed", "short"))
        for source in sources:
            source.close()
            assert source.join(LONG_S)
        assert until(lambda: snapshots.latest()["windowed"].runs["short"].ended)


def test_the_optogenetics_demo_is_followed(widget, until, tmp_path, application):
    from parfocal.viewers.qt.palette import apply_theme
    from parfocal.viewers.qt.theme import THEMES

    apply_theme(application, THEMES["dark"])
    widget.resize(1280, 800)
    folder = Path(os.environ.get("PARFOCAL_PICTURES", tmp_path))
    command = [sys.executable, "-m", "parfocal", "demo", "optogenetics", "--out", str(tmp_path / "demo")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as demo:
        fired = lambda: "fired" in widget.counts.texts().get("stimuli", "")  # noqa: E731
        assert until(lambda: demo.poll() is not None or fired())
        assert widget.grab().save(str(folder / "run-window-demo.png"))
        assert until(lambda: demo.poll() is not None), "the demo goes on"
        assert demo.returncode == 0, demo.stderr.read()
    assert until(lambda: widget.chip.text() == "COMPLETE")
    (run,) = (tmp_path / "demo").iterdir()
    images, *more, labels = read_layers(str(run))
    assert {layer[0].shape for layer in more} == {images[0].shape}
    assert (images[2], labels[2]) == ("image", "labels")
    assert images[0].shape == labels[0].shape
    assert images[1]["axis_labels"] == labels[1]["axis_labels"] == ("t", "p", "y", "x")
    assert labels[0][-1, 0].max() > 3
    assert images[0][-1, 0][labels[0][-1, 0] > 0].mean() > images[0][-1, 0][labels[0][-1, 0] == 0].mean()


def test_ctrl_c_ends_the_window_in_order():
    command = [sys.executable, "-m", "parfocal", "runs", "--window"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as shown:
        assert poll_until(lambda: catches(shown.pid, signal.SIGTERM), LONG_S)
        shown.send_signal(signal.SIGTERM)
        assert shown.wait(LONG_S) == 0, shown.stderr.read()


def catches(pid, number):
    """Whether a process has a handler of its own for a signal, as its system tells."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(line for line in lines if line.startswith("SigCgt")).split()[1]
    return bool(int(caught, 16) & 1 << (number - 1))


def test_the_command_draws_a_picture_of_it(tmp_path):
    picture = tmp_path / "runs.png"
    with parfocal.open_rig(CONFIG) as rig:
        rig.run(LONG_PLAN, name="first")
        command = [sys.executable, "-m", "parfocal", "runs", "--window", "--screenshot", str(picture)]
        command += ["--seconds", "3", "--theme", "light"]
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with Image.open(picture) as image:
        assert image.size == (1000, 760)
