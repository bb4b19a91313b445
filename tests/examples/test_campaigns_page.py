"""The page "campaigns": its script may run on the rig that it is for."""

import re
from pathlib import Path

from parfocal.rig.listing import command_listing
from parfocal.rig.opening import config_of
from parfocal.rig.scripts import check_script
from parfocal.runs.scripts.script_source import ScriptSource

PAGE = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text(encoding="utf-8")


CAMPAIGN = "lab.campaign(plan, sharpness, process, steps=12)"


def test_its_scripts_may_run_on_the_microscope():
    text, *others = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(others) == 2
    services = command_listing(config_of("microscope"))
    for call in (CAMPAIGN, *(other.strip() for other in others)):
        script = text.replace(CAMPAIGN, call)
        assert call in script
        assert check_script(ScriptSource("/lab/best_focus.py", script), services).problems == ()
