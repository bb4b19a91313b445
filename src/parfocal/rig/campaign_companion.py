"""What a campaign has in another rig: a script there, whose runs are paused and ended with the campaign."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.rig.opening import attach
from parfocal.runs.scripts.script_source import ScriptSource

if TYPE_CHECKING:
    from parfocal.core.run_status import RunStatus
    from parfocal.rig.lab import Lab

_LOOK_S = 0.2
_TEXT = """\
\"\"\"The runs of campaign {campaign!r} of rig {rig!r} in this rig: paused and ended with it.\"\"\"

from parfocal.rig.campaign_companion import keep_company


def main(lab):
    keep_company(lab, {rig!r}, {campaign!r})
"""


def companion_of(rig: str, campaign: str, folder: Path) -> ScriptSource:
    """Return the script that a campaign of `rig` has in another one, as if it stood in `folder`."""
    return ScriptSource(str(folder / f"{campaign}.py"), _TEXT.format(rig=rig, campaign=campaign))


def keep_company(lab: Lab, rig: str, campaign: str) -> None:
    """Return when a campaign of another rig has ended, or nobody can tell how it is.

    Meanwhile the runs that belong to this script are paused and go on as the campaign does.
    """
    with attach(rig) as other:
        handle = other.runs[campaign]
        lab.step(f"carries out steps of campaign {campaign!r} of rig {rig!r}")
        held = False
        while not (status := handle.status()).ended:
            if status.is_paused != held:
                held = status.is_paused
                _steer(lab, status)
            lab.sleep(_LOOK_S)


def _steer(lab: Lab, campaign: RunStatus) -> None:
    """Hold the runs of this script, or have them go on."""
    for name, status in lab.runs.statuses().items():
        if status.parent == lab.run_name and not status.ended:
            if campaign.is_paused:
                lab.runs[name].pause(f"its campaign {campaign.run!r} is paused")
            else:
                lab.runs[name].resume()


def check_rigs(own: str, others: Iterable[str]) -> tuple[str, ...]:
    """Return the rigs beside its own on which a campaign is carried out.

    Raises
    ------
    BadInputError
        If they are no names, or one is named twice.

    Examples
    --------
    >>> check_rigs("left", ["right"])
    ('right',)
    """
    names = (others,) if isinstance(others, str) else tuple(others)
    if isinstance(others, str) or not all(isinstance(name, str) for name in names):
        raise BadInputError(f'also_on is a list of names of rigs, such as ["right"], not {others!r}')
    for name in names:
        if name == own or names.count(name) > 1:
            raise BadInputError(f"also_on names rig {name!r}, which has its part of the campaign already")
    return names
