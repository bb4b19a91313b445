"""``parfocal check``: tells whether a rig file is sound."""

from __future__ import annotations

from pathlib import Path

from parfocal.cli.output import console, print_json
from parfocal.rig.assemble import service_specs
from parfocal.rig.config import load_config


def check(file: Path, *, json: bool = False) -> None:
    """Check a rig file: keys, values, dependencies, each service's own settings. Starts nothing.

    Parameters
    ----------
    file
        A rig file (TOML).
    json
        Print what it stands for as one JSON object.

    Examples
    --------
    parfocal check tweezers.toml
    """
    config = load_config(file)
    specs = service_specs(config)
    if json:
        print_json({"rig": config.name, "services": {spec.name: spec.factory for spec in specs}})
    else:
        names = ", ".join(spec.name for spec in specs)
        console().print(f"{file} is sound: rig {config.name!r} with {len(specs)} services: {names}")
