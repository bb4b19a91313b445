"""``parfocal check``: tells whether a rig file is sound."""

from __future__ import annotations

from parfocal.cli.output import console, print_json
from parfocal.rig.assemble import service_specs
from parfocal.rig.listing import command_listing
from parfocal.rig.opening import load_source


def check(source: str, *, json: bool = False) -> None:
    """Check a rig file: keys, values, dependencies, each service's settings and commands. Starts nothing.

    Parameters
    ----------
    source
        A rig file (TOML), or the name of a built-in rig.
    json
        Print what it stands for as one JSON object.

    Examples
    --------
    parfocal check tweezers.toml
    """
    config = load_source(source)
    specs = service_specs(config)
    command_listing(config)
    if json:
        print_json({"rig": config.name, "services": {spec.name: spec.factory for spec in specs}})
    else:
        names = ", ".join(spec.name for spec in specs)
        console().print(f"{source} is sound: rig {config.name!r} with {len(specs)} services: {names}")
