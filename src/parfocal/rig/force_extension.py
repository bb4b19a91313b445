"""Force-extension curves of a recorded run: tracks by the force that the magnet had then; a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from parfocal.analysis.force.extension import ExtensionCurves, ForceOfTime, curves_of, height_column
from parfocal.analysis.force.live_settings import Anchor, LiveConfig, TetherPhysics, checked_anchor
from parfocal.analysis.force.magnet_table import MagnetTable
from parfocal.core.errors import BadInputError
from parfocal.storage import iter_rows
from parfocal.storage.recorded_run import RecordedRun, open_run
from parfocal.tracking.wlc import chain_extension_nm

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.axes import Axes

    from parfocal.analysis.force.live_records import ForceExtension

_MOST, _COLUMNS = 12, 4
"""Beads that are shown, those with the most points; and how many side by side."""
_PANEL_IN, _DPI = 3.0, 110
_POINTS, _CHAIN = "#1f5fa8", "#d1495b"


def force_extension(
    run: RecordedRun | Path | str,
    *,
    beads: Iterable[int] | None = None,
    anchors: Mapping[int, float] | float | None = None,
    service: str = "force",
    stream: str = "tracks",
) -> dict[int, ForceExtension]:
    """Return the force-extension curve of each bead of a run, with the chain that fits it.

    The force is that of the magnet's table in the record, for where the magnet stood at each frame. What the
    service told at the end of the run counts where it had no time to tell it at its begin.

    Parameters
    ----------
    run : RecordedRun or path
        With rows of a tracker and of the magnet.
    beads : iterable of int, optional
        Which; all otherwise.
    anchors : mapping of int to float, or float, optional
        Where the surface below beads, or below all, is, as their `z_nm` would be there; those of the record
        otherwise.
    service : str
        The one that knew the magnet's force.
    stream : str
        The rows of the tracker.

    Raises
    ------
    BadInputError
        If the run holds no such rows, or no table of a magnet.

    Examples
    --------
    ``force_extension("runs/pull1")[3].contour_nm`` is the length of the tether of bead 3.
    """
    record = run if isinstance(run, RecordedRun) else open_run(run)
    manifest = record.manifest
    state = manifest.devices.get(service) or manifest.devices_at_end.get(service)
    if not isinstance(state, dict) or not state.get("heights"):
        raise BadInputError(f"the record {record.folder} holds no table of a magnet from {service!r}")
    physics = _physics(state)
    force = _force(record, state)
    curves = ExtensionCurves(physics.z_sign)
    wanted = None if beads is None else np.array(sorted(beads), np.int64)
    for rows in iter_rows(_rows_of(record, stream)):
        curves.add(rows if wanted is None else rows[np.isin(rows["bead"], wanted)], force)
    return curves_of(curves, curves.beads, physics, _anchors(anchors, curves.beads, state))


def draw_extensions(curves: Mapping[int, ForceExtension], path: Path, *, title: str) -> None:
    """Write a PNG with the points of up to twelve beads, and the chains that fit them.

    Parameters
    ----------
    curves : mapping of int to ForceExtension
        At least one, as of `force_extension`.
    path : Path
        Where to write; replaced if it is there.
    title : str
        What was recorded.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    most = sorted(curves.values(), key=lambda curve: -len(curve.forces_pn))[:_MOST]
    columns = min(_COLUMNS, len(most))
    lines = -(-len(most) // columns)
    size = (_PANEL_IN * columns + 0.5, _PANEL_IN * lines + 0.6)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel in panels[len(most) :]:
        panel.set_axis_off()
    for panel, curve in zip(panels, sorted(most, key=lambda curve: curve.bead), strict=False):
        _draw_curve(panel, curve)
    figure.savefig(path, format="png")


def _draw_curve(panel: Axes, curve: ForceExtension) -> None:
    force, extension = np.array(curve.forces_pn), np.array(curve.extensions_nm)
    panel.errorbar(extension, force, xerr=curve.sigmas_nm, fmt=".", color=_POINTS, ms=4, lw=0.8)
    text = f"bead {curve.bead}: {curve.reason.partition(':')[0]}"
    if not curve.reason:
        pull = np.geomspace(force[0], force[-1], 200)
        chain = chain_extension_nm(
            pull, curve.contour_nm, curve.persistence_nm,
            stretch_pn=curve.stretch_pn, temperature_k=curve.temperature_k,
        )  # fmt: skip
        panel.plot(chain - curve.offset_nm, pull, color=_CHAIN, lw=1.2)
        held = "" if curve.persistence_sigma_nm else " (held)"
        text = (
            f"bead {curve.bead}: {curve.contour_nm:.0f} $\\pm$ {curve.contour_sigma_nm:.0f} nm, "
            f"{curve.persistence_nm:.1f} nm{held}"
        )
    panel.set_yscale("log")
    panel.set_title(text, fontsize=8)
    panel.set_xlabel("extension (nm)")
    panel.set_ylabel("force (pN)")
    panel.grid(alpha=0.3)


def _force(record: RecordedRun, state: dict[str, Any]) -> ForceOfTime:
    rows = record.rows(str(state.get("magnet", "magnet")))
    height = height_column(rows.dtype, str(state.get("axis", "")))
    table = MagnetTable(state["heights"], state["forces_pn"])
    return ForceOfTime(table, rows["time_ns"], rows[height])


def _rows_of(record: RecordedRun, stream: str) -> Path:
    streams = record.streams("rows")
    if stream not in streams:
        raise BadInputError(f"the run {record.folder} holds no rows {stream!r}; it has {', '.join(streams)}")
    return streams[stream]


def _physics(state: dict[str, Any]) -> TetherPhysics:
    """Return what the numbers depend on, as the record tells; that of the defaults for older records."""
    told = {name: state[name] for name in LiveConfig.model_fields if name in state}
    try:
        return LiveConfig.model_validate(told).physics()
    except ValidationError as error:
        raise BadInputError(
            f"the record's settings of forces are not those of this version: {error}"
        ) from error


def _anchors(
    given: Mapping[int, float] | float | None, beads: tuple[int, ...], state: dict[str, Any]
) -> dict[int, Anchor]:
    """Return the surface below beads, as it was given, else as the record tells."""
    if given is None:
        told = state.get("live_forces", {}).get("anchors", {})
        return {int(bead): Anchor(*numbers) for bead, numbers in told.items()}
    each = given if isinstance(given, Mapping) else dict.fromkeys(beads, given)
    return {bead: checked_anchor(z_nm) for bead, z_nm in each.items()}
