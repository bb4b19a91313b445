"""The page "your own package": the example as a wheel, installed into a fresh environment, and used there."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own-package.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "examples" / "lab_package"
USED = """
import json, sys
import numpy as np
import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import CancelledError, CommandError
from parfocal.runs.pipeline.step import Step, resolve
from parfocal.storage import open_run, read_array

told = {}
with parfocal.open_rig("perfusion") as rig:
    pump = rig["pump"]
    run = rig["recorder"].start(name="wash")
    with rig.stream("thermometer").lossless() as rows:
        told["temperature"] = float(rows.read(timeout_s=60)["temperature_c"][0])
    told["infused"] = pump.infuse(volume_ul=20.0, rate_ul_per_min=6000.0)
    heard = []
    infusion = pump.submit("infuse", volume_ul=900.0, rate_ul_per_min=1000.0)
    infusion.on_progress(lambda progress: heard.append(progress.text))
    assert poll_until(lambda: heard, 60)
    told["rate while it infuses"] = pump.rate_ul_per_min()
    infusion.cancel("enough")
    try:
        infusion.result(timeout_s=60)
    except CancelledError as error:
        told["cancelled"] = str(error)
    told["rate after"] = pump.rate_ul_per_min()
    told["progress"] = heard[0]
    stopped = pump.submit("infuse", volume_ul=100.0, rate_ul_per_min=100.0)
    assert poll_until(lambda: pump.rate_ul_per_min() > 0, 60)
    pump.stop()
    try:
        stopped.result(timeout_s=60)
    except CommandError as error:
        told["stopped"] = str(error).splitlines()[0]
    try:
        pump.infuse(volume_ul=20.0, rate_ul_per_min=1e6)
    except CommandError as error:
        told["refused"] = str(error).splitlines()[0]
    rig["camera"].snap(count=2, timeout_s=60)
    report = rig["recorder"].finish(timeout_s=60)
    told["outcome"], told["frames"] = report.outcome, report.stored["camera"]
told["rows"] = [len(read_array(f"{run}/{name}")) for name in ("pump", "thermometer")]
told["most pumped"] = float(read_array(f"{run}/pump")["pumped_ul"].max())
image = np.random.default_rng(1).normal(100.0, 5.0, (64, 64))
image[10:20, 10:20] += 200.0
image[40:50, 30:40] += 200.0
told["cells"] = int(resolve("segment", Step(call="bright-cells")).run(image=image).max())
json.dump(told, sys.stdout)
"""
SHOWN = """
import json, sys
import parfocal
from parfocal.app.desktop.kept_window import KeptFile
from parfocal.app.desktop.window import DesktopWindow
from parfocal.app.window_program import window_application
from parfocal.core.clock import poll_until

application = window_application()

def until(wanted):
    assert poll_until(lambda: application.processEvents() or wanted(), 120)

with parfocal.open_rig("perfusion") as rig:
    window = DesktopWindow(KeptFile())
    window.show()
    window.show_rig("perfusion")
    until(lambda: window.area is not None and {"pump", "plot temperature"} <= set(window.area.docks))
    until(lambda: window.area.is_laid_out)
    docks = [window.area.open("pump"), window.area.open("plot temperature")]
    until(lambda: all(dock.panel is not None for dock in docks))
    pump, plot = (dock.panel for dock in docks)
    told = {"titles": [dock.windowTitle() for dock in docks]}
    until(lambda: len(plot.histories["thermometer"].values))
    told["temperature"] = plot.histories["thermometer"].values[-1]
    pump.rate.setValue(6000.0)
    pump.infuse.click()
    until(lambda: pump.state.value and pump.state.value["pumped_ul"] >= 20.0)
    told["infused"] = pump.state.value["pumped_ul"]
    pump.rate.setValue(60000.0)
    pump.infuse.click()
    until(lambda: "must be" in pump.line.text.text())
    told["refused"] = pump.line.text.text()
    window.close()
    window.file.close()
    window.snapshots.join()
json.dump(told, sys.stdout)
"""


def run(*command, cwd=None, **environment):
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A fresh environment with the package, installed from its wheel; all else comes from the tests' own."""
    folder = tmp_path_factory.mktemp("lab")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=PACKAGE)
    (wheel,) = folder.glob("perfusion_lab-1.0.0-*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    tested = [path for path in sys.path if path.endswith("site-packages")]
    added = "; ".join(f"site.addsitedir({path!r})" for path in tested)
    (site / "tested.pth").write_text(f"import site; {added}\n")
    python = str(folder / "venv" / "bin" / "python")
    install = ["-m", "uv", "pip", "install", "--quiet", "--no-deps", "--offline", "--python", python]
    run(sys.executable, *install, str(wheel))
    return python


@pytest.mark.slow
def test_it_is_found_started_called_and_recorded(python, tmp_path):
    told = json.loads(run(python, "-c", USED, cwd=tmp_path))
    assert told["temperature"] == pytest.approx(37.0, abs=0.3)
    assert told["infused"] >= 20.0
    assert told["rate while it infuses"] == 1000.0
    assert "enough" in told["cancelled"]
    assert told["rate after"] == 0.0
    assert told["progress"].endswith("of 900.0 ul")
    assert "was stopped after" in told["stopped"]
    assert "rate_ul_per_min must be above 0, up to 6000.0" in told["refused"]
    assert (told["outcome"], told["frames"]) == ("complete", 2)
    assert min(told["rows"]) > 0
    assert told["most pumped"] >= 20.0
    assert told["cells"] == 2


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("PySide6") is None, reason="needs the extra desktop")
def test_its_panel_and_its_plot_are_docks_of_the_desktop(python, tmp_path):
    told = json.loads(run(python, "-c", SHOWN, cwd=tmp_path, QT_QPA_PLATFORM="offscreen"))
    assert told["titles"] == ["Pump", "temperature"]
    assert told["infused"] >= 20.0
    assert told["temperature"] == pytest.approx(37.0, abs=0.3)
    assert "must be above 0, up to 6000.0" in told["refused"]


@pytest.mark.slow
def test_the_commands_of_the_page_run(python, tmp_path):
    (session,) = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    commands = [shlex.split(line) for line in session.splitlines()]
    assert commands[0] == ["pip", "install", "./examples/lab_package"]
    printed = {
        words[1]: run(python, "-m", *words, cwd=tmp_path, COLUMNS="300")
        for words in commands[1:]
        if words[0] == "parfocal"
    }
    for line in (
        "kind of service syringe-pump  perfusion_lab.pump:SyringePump of perfusion-lab 1.0.0",
        "step bright-cells",
        "rig perfusion",
    ):
        assert line in printed["doctor"]
    assert "cannot be imported" not in printed["doctor"]
    assert "highest_rate_ul_per_min: float = 500.0" in printed["kinds"]
    assert float(printed["call"].split()[-1]) >= 50.0


@pytest.mark.slow
def test_the_python_of_the_page_runs(python, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert re.search(r"^3[67]\.\d+$", run(python, "-c", code, cwd=tmp_path), flags=re.MULTILINE)


@pytest.mark.slow
def test_its_own_tests_pass(tmp_path):
    told = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:napari"),
        *("-p", "no:npe2", "-p", "no:napari-plugin-engine", "-c", os.devnull, "--rootdir", str(PACKAGE)),
        str(PACKAGE / "tests"),
        cwd=tmp_path,
        PYTHONPATH=str(PACKAGE / "src"),
    )
    assert "5 passed" in told


def test_its_names_are_those_of_the_page():
    (told,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    there = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))
    assert tomllib.loads(told)["project"]["entry-points"] == there["project"]["entry-points"]
