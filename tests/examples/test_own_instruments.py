"""The page "your own instruments": its files, commands and test, as a newcomer would type them."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import parfocal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "your-own-instruments.md").read_text(encoding="utf-8")
FOLDER = ROOT / "examples" / "own_lab"


def run(*command, cwd=FOLDER):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_commands_run(tmp_path):
    (session,) = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    commands = [shlex.split(line) for line in session.splitlines()]
    assert commands[0] == ["cd", "examples/own_lab"]
    checked = [run(sys.executable, "-m", *words) for words in commands[1:] if words[0] == "parfocal"]
    assert "is sound" in checked[0]
    assert "12 kept, 0 broken, 9 not tried" in checked[1]
    assert commands[-1] == ["python", "try_it.py"]
    tried = run(sys.executable, "-W", "error", str(FOLDER / "try_it.py"), cwd=tmp_path)
    assert "brightness: 400.0" in tried
    assert "temperature: 36.6" in tried
    assert "gain must lie from 1 to 16, not 99.0" in tried
    assert "recorded: complete 5 frames in" in tried
    assert "read back: (5, 480, 640) ('time_ns', 'temperature_c')" in tried
    (recorded,) = (tmp_path / "runs").iterdir()
    pictures = run(sys.executable, "-m", "parfocal", "plot", str(recorded)).split()
    assert [Path(picture).name for picture in pictures] == ["camera.png", "sensor.png"]
    assert all(Path(picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_its_rig_file_is_the_one_beside_the_example():
    told, _ = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert tomllib.loads(told)["services"] == tomllib.loads((FOLDER / "lab.toml").read_text())["services"]


def test_its_channels_are_set_in_the_microscope():
    from parfocal.rig.named_rigs import builtin_rigs

    _, told = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    microscope = tomllib.loads(builtin_rigs()["microscope"].read_text())
    microscope["services"] |= tomllib.loads(told)["services"]
    with parfocal.open_rig(microscope) as rig:
        state = rig["channels"].set_channel("nucleus", timeout_s=60)
        assert (state.filter, state.power, state.exposure_ms, state.lit) == ("nucleus", 0.5, 20.0, True)
        assert rig["channels"].set_channel("brightfield", timeout_s=60).lit is False
        assert rig["world"].light() == {}


def test_its_test_passes(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "test_mine.py").write_text(f"import sys\nsys.path.append({str(FOLDER)!r})\n{code}")
    assert "12 passed, 9 skipped" in run(sys.executable, "-m", "pytest", "-q", ".", cwd=tmp_path)


@pytest.mark.parametrize("exposure_ms", [1.0, 250.0])
def test_its_camera_exposes_as_long_as_asked(exposure_ms, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import home_made
    import numpy as np

    from parfocal.devices.context import DeviceContext
    from parfocal.testing.clock import JumpClock

    clock = JumpClock()
    camera = home_made.HomeMadeCamera(home_made.CameraSettings(), DeviceContext(clock=clock))
    camera.open()
    camera.set_exposure_ms(exposure_ms)
    camera.start(count=2)
    out = np.zeros(camera.spec.shape, camera.spec.dtype)
    headers = [header for _ in range(20) if (header := camera.read_into(out, 0.1)) is not None]
    assert [header.time_ns for header in headers] == [round(exposure_ms * 1e6), round(2 * exposure_ms * 1e6)]
