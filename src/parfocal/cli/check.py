"""``parfocal check``: tells whether a rig file is sound, or which promises a device keeps."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from parfocal.cli.exits import Exit
from parfocal.cli.output import console, print_json
from parfocal.cli.own_modules import find_own_modules
from parfocal.core.text_values import kinds_of, named_values
from parfocal.devices.registry import device_names, settings_class
from parfocal.processes.validation import setting_type
from parfocal.rig.assemble import service_specs
from parfocal.rig.listing import command_listing
from parfocal.rig.opening import load_source
from parfocal.rig.references import check_references


def check(source: str, *options: str, move: bool = False, light: bool = False, json: bool = False) -> int:
    """Check a rig file and start nothing; or try which promises a device of yours keeps.

    Of a rig file: keys, values, dependencies, each service's settings and commands, and whether somebody
    writes each stream that a setting names. A device is opened and closed for each promise; a camera exposes,
    but nothing moves and no light goes on unless you allow it.

    Parameters
    ----------
    source
        A rig file (TOML), the name of a rig, a device, or MODULE:CLASS of a camera, stage or light.
    options
        Of a device, each as name=value.
    move
        Allow motion: a stage is sent to places within its limits.
    light
        Allow light: it is switched on, up to full power.
    json
        Print what it stands for, or the verdicts, as one JSON object.

    Examples
    --------
    parfocal check tweezers.toml

    parfocal check my_lab.cameras:MyCamera port=/dev/ttyUSB0 width_px=640
    """
    if source in device_names() or (":" in source and not Path(source).exists()):
        allowed = [what for what, given in (("motion", move), ("light", light)) if given]
        return _check_device(source, options, allowed, json)
    config = load_source(source)
    specs = service_specs(config)
    command_listing(config)
    check_references(config)
    if json:
        print_json({"rig": config.name, "services": {spec.name: spec.factory for spec in specs}})
    else:
        names = ", ".join(spec.name for spec in specs)
        console().print(f"{source} is sound: rig {config.name!r} with {len(specs)} services: {names}")
    return Exit.OK


def _check_device(address: str, options: tuple[str, ...], allowed: list[str], json: bool) -> int:
    """Try the promises of a device, print a line for each, and return an exit code."""
    from parfocal.testing.contracts.trials import try_device

    find_own_modules()
    model = settings_class(address)
    given = named_values(options, lambda name: kinds_of(setting_type(model, [name], {})))
    kind, verdicts = try_device(address, given, allowed)
    broken = [verdict for verdict in verdicts if verdict.outcome == "broken"]
    if json:
        stated = [{"promise": v.promise.name, "outcome": v.outcome, "why": v.why} for v in verdicts]
        print_json({"device": address, "kind": kind, "promises": stated})
        return Exit.FAILED if broken else Exit.OK
    table = Table("", "promise", "why", box=None, pad_edge=False)
    for verdict in verdicts:
        table.add_row(verdict.outcome, verdict.promise.text, verdict.why)
    console().print(table)
    kept = sum(verdict.outcome == "kept" for verdict in verdicts)
    untried = len(verdicts) - kept - len(broken)
    console().print(f"{address} as a {kind}: {kept} kept, {len(broken)} broken, {untried} not tried")
    return Exit.FAILED if broken else Exit.OK
