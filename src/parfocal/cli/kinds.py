"""``parfocal kinds`` and ``parfocal new rig``: what a rig file may name, and one to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from parfocal.cli.output import console, print_json
from parfocal.processes.setting_infos import REQUIRED
from parfocal.rig.kinds import list_kinds
from parfocal.rig.new_experiment import write_experiment
from parfocal.rig.template import write_template

if TYPE_CHECKING:
    from parfocal.processes.setting_infos import SettingInfo
    from parfocal.rig.kinds import KindInfo


def kinds(name: str | None = None, *, json: bool = False) -> None:
    """List what a rig file may name: kinds of services and devices, with their settings and defaults.

    Parameters
    ----------
    name
        Only this kind or device, with what each setting means.
    json
        Print them as one JSON object.

    Examples
    --------
    parfocal kinds

    parfocal kinds simulated-camera
    """
    found = list_kinds(name)
    if json:
        print_json(found)
        return
    for title, infos in (("kinds of services", found.services), ("devices", found.devices)):
        if name is None:
            console().print(Text(title, "bold underline"))
        for info in infos:
            _report(info, meanings=name is not None)


def new_rig(file: Path) -> None:
    """Write a rig file to begin with: a laboratory that runs, each setting with a comment.

    Parameters
    ----------
    file
        The new TOML file; the rig is called like it. One that is there is not touched.

    Examples
    --------
    parfocal new rig my-lab.toml
    """
    name = write_template(file)
    console().print(f"rig {name!r} is in {file}; try it with `parfocal check {shlex.quote(str(file))}`")


def new_experiment(folder: Path) -> None:
    """Write an experiment to begin with: rig, plan, pipeline, steps, and a test on a simulated twin.

    Parameters
    ----------
    folder
        The new folder; the rig is called like it. One that holds something is not touched.

    Examples
    --------
    parfocal new experiment erk-pulses
    """
    files = write_experiment(folder)
    console().print(f"{len(files)} files are in {folder}; begin with {files['README.md']}")


def _report(info: KindInfo, *, meanings: bool) -> None:
    console().print(Text.assemble((info.name, "bold"), f"  {info.summary}"))
    for setting in info.settings:
        console().print(Padding(Text(_line(setting)), (0, 0, 0, 4), expand=False))
        if meanings and setting.meaning:
            console().print(Padding(Text(setting.meaning, "dim"), (0, 0, 0, 8), expand=False))


def _line(setting: SettingInfo) -> str:
    default = "   (required)" if setting.default == REQUIRED else f" = {setting.default}"
    return f"{setting.name}: {setting.type}{default}"
