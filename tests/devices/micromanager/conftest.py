"""A demonstration core with a device written in Python."""

from pathlib import Path

import pytest

LINES = """Property,Core,Initialize,0
Device,DHub,DemoCamera,DHub
Device,Camera,DemoCamera,DCam
Parent,Camera,DHub
#py pyDevice,{label},{device}
Property,Core,Initialize,1
Property,Core,Camera,Camera
#py Property,Core,{part},{label}
"""
SMALL = {"Camera": {"OnCameraCCDXSize": 64, "OnCameraCCDYSize": 48}}


@pytest.fixture
def core_with(tmp_path, monkeypatch):
    """Return a function that returns the options of a core with a device "module,Class" for a part of it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def options(part, label, device):
        path = tmp_path / f"{device.partition(',')[2]}.cfg"
        path.write_text(LINES.format(part=part, label=label, device=device), "utf-8")
        return {"configuration": str(path), "properties": SMALL}

    return options
