"""``parfocal force`` and ``extension``: forces on beads now, and the curves of a recorded run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from parfocal.cli.output import console, print_json
from parfocal.cli.which_rig import RunningRig, only_rig
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError
from parfocal.rig.opening import attach

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.analysis.force.live_records import ForceExtension, LiveForce

_WAIT_S = 60.0
_EVERY_S = 1.0


def force(
    *beads: int,
    rig: RunningRig = None,
    seconds: float = 0.0,
    off: bool = False,
    service: str = "force",
    json: bool = False,
) -> int:
    """Show the forces on beads by their motion, beside the one that is expected.

    They are made by a worker of the rig from the last rows of the tracker, and go on until they are switched
    off: `live_force` is a stream, too.

    Parameters
    ----------
    beads
        Their numbers; all that are tracked otherwise.
    rig
        Which rig; may be left out while only one is running.
    seconds
        Show them again every second for so long.
    off
        Switch them off instead.
    service
        The service that knows forces.
    json
        Print each bead as one JSON line.

    Examples
    --------
    parfocal force 3 7 --rig tweezers --seconds 60
    """
    if not seconds >= 0:
        raise BadInputError(f"seconds must be 0 or more, not {seconds}")
    with attach(only_rig(rig)) as running:
        asked = running[service]
        if off:
            asked.live_off(timeout_s=_WAIT_S)
            return 0
        asked.live_on(beads=list(beads) or "all", timeout_s=_WAIT_S)
        end_s = SYSTEM_CLOCK.monotonic_s() + seconds
        while True:
            _show(asked.live_all(timeout_s=_WAIT_S), json=json)
            left_s = end_s - SYSTEM_CLOCK.monotonic_s()
            if left_s <= 0:
                return 0
            SYSTEM_CLOCK.sleep(min(_EVERY_S, left_s))


def extension(
    run: Path,
    *beads: int,
    anchor_nm: float | None = None,
    out: Path | None = None,
    service: str = "force",
    json: bool = False,
) -> int:
    """Draw the force-extension curves of a recorded run, with worm-like chains: `extension.png`.

    The force is that of the magnet's table in the record. Where the surface below a bead is not known, the
    offset of its heights is fitted, and the persistence length is held.

    Parameters
    ----------
    run
        Folder of the run.
    beads
        Their numbers; all otherwise.
    anchor_nm
        Where the surface below all beads is, as their `z_nm` would be there; that of the record otherwise.
    out
        Folder for the picture; the run's own otherwise.
    service
        The service that knew the magnet's force.
    json
        Print each curve as one JSON line.

    Examples
    --------
    parfocal extension runs/2026-03-01T14-05-09_pull1
    """
    from parfocal.rig.force_extension import draw_extensions, force_extension

    curves = force_extension(run, beads=beads or None, anchors=anchor_nm, service=service)
    if not curves:
        raise BadInputError(f"the run {run} holds no heights of these beads at a force that is known")
    place = run if out is None else out
    place.mkdir(parents=True, exist_ok=True)
    draw_extensions(curves, place / "extension.png", title=run.name)
    if json:
        for curve in curves.values():
            print_json(curve)
    else:
        console().print(_chains(curves.values()))
        console().print(str(place / "extension.png"), soft_wrap=True)
    return 0


def _show(forces: Iterable[LiveForce], *, json: bool) -> None:
    if json:
        for each in forces:
            print_json(each)
        return
    table = Table("bead", "spectrum, pN", "Allan, pN", "expected", "extension, nm", "samples", "warnings")
    for each in forces:
        table.add_row(
            str(each.bead),
            _number(each.spectrum_pn, each.spectrum_sigma_pn),
            _number(each.allan_pn, each.allan_sigma_pn),
            _number(each.expected_pn),
            _number(each.extension_nm, each.extension_sigma_nm),
            str(each.samples),
            "; ".join(each.warnings),
        )
    console().print(table)


def _chains(curves: Iterable[ForceExtension]) -> Table:
    table = Table("bead", "forces, pN", "points", "contour, nm", "persistence, nm", "chi2", "")
    for curve in curves:
        held = "" if curve.persistence_sigma_nm else " (held)"
        table.add_row(
            str(curve.bead),
            f"{curve.forces_pn[0]:.3g} to {curve.forces_pn[-1]:.3g}",
            str(len(curve.forces_pn)),
            _number(curve.contour_nm, curve.contour_sigma_nm),
            _number(curve.persistence_nm, curve.persistence_sigma_nm) + (held if not curve.reason else ""),
            _number(curve.chi2),
            curve.reason,
        )
    return table


def _number(value: float, sigma: float = 0.0) -> str:
    """Return a number with its error, "" for none.

    Examples
    --------
    >>> _number(1.2345, 0.01), _number(float("nan")), _number(950.0, 3.0)
    ('1.23 ± 0.01', '', '950 ± 3')
    """
    if not math.isfinite(value):
        return ""
    return f"{value:.3g} ± {sigma:.1g}" if sigma else f"{value:.3g}"
