"""The page "campaigns": its script may run on the rig that it is for."""

import re
from pathlib import Path

from parfocal.rig.listing import command_listing
from parfocal.rig.opening import config_of
from parfocal.rig.scripts import check_script
from parfocal.runs.scripts.script_source import ScriptSource

PAGE = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text(encoding="utf-8")


def test_its_script_may_run_on_the_microscope():
    (text,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    services = command_listing(config_of("microscope"))
    assert check_script(ScriptSource("/lab/best_focus.py", text), services).problems == ()
