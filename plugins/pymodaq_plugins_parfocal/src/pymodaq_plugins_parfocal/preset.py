"""A preset for PyMoDAQ's dashboard: the scope on in1, generator 0 on out1, a PID and an IQ module.

``python -m pymodaq_plugins_parfocal.preset [NAME]`` writes it where PyMoDAQ keeps its experiments; then
``dashboard -x NAME`` opens it. Nothing is switched on by that: modules are set up when the user asks for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pymodaq.utils.config import get_set_experiment_path
from pymodaq.utils.managers.experiment.experiment_manager import ExperimentManager
from pymodaq_gui.parameter import Parameter, ioxml
from pymodaq_gui.qt_utils import mkQApp

NAME = "redpitaya"


class Module(NamedTuple):
    """A module of the dashboard, by the name that it shows.

    Attributes
    ----------
    name, plugin : str
        What the dashboard calls it; its class, without the prefix.
    dimension : str
        Of a viewer, such as "DAQ1D"; "" for an actuator.
    axis : str
        Of an actuator.
    """

    name: str
    plugin: str
    dimension: str = ""
    axis: str = ""


SCOPE = Module("scope", "ParfocalScope", dimension="DAQ1D")
FREQUENCY = Module("frequency", "ParfocalAsg", axis="asg0 frequency")
AMPLITUDE = Module("amplitude", "ParfocalAsg", axis="asg0 amplitude")
SETPOINT = Module("setpoint", "ParfocalPid", axis="pid0 setpoint")
LOCK_IN = Module("lock-in", "ParfocalIq", dimension="DAQ0D")
MODULES = (SCOPE, FREQUENCY, AMPLITUDE, SETPOINT, LOCK_IN)


def experiment(modules: Sequence[Module] = MODULES) -> Parameter:
    """Return an experiment of PyMoDAQ's with some modules, each attached to the board by itself."""
    settings = Parameter.create(
        title="Experiment", name="Preset", type="group", children=ExperimentManager.params
    )
    for number, module in enumerate(modules, start=1):
        group = settings.child("detector" if module.dimension else "actuator")
        group.addNew((module.dimension, module.plugin))
        added = group.children()[-1]
        added["name"] = module.name
        added["controller", "controller_ID"] = number
        if module.axis:
            added["controller", "axis"] = module.axis
    return settings


def write(name: str = NAME, modules: Sequence[Module] = MODULES) -> Path:
    """Write an experiment where PyMoDAQ looks for it; return the file.

    Raises
    ------
    FileExistsError
        If there is one of that name: it may be the user's own.
    """
    path = get_set_experiment_path() / f"{name}.xml"
    if path.exists():
        raise FileExistsError(f"{path} is there already: give another name, or remove it first")
    ioxml.parameter_to_xml_file(experiment(modules), path)
    return path


def main() -> None:
    """Write the preset, and tell how to open it."""
    parser = argparse.ArgumentParser(prog="python -m pymodaq_plugins_parfocal.preset", description=__doc__)
    parser.add_argument("name", nargs="?", default=NAME, metavar="NAME")
    name = parser.parse_args().name
    mkQApp("preset")
    try:
        path = write(name)
    except FileExistsError as error:
        parser.error(str(error))
    print(f"written to {path}; open it with: dashboard -x {name}")  # noqa: T201 - what the command is for


if __name__ == "__main__":
    main()
