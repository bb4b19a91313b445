"""What the service of the magnet's force tells of a bead, in words; and which service that is. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from parfocal.analysis.force.live_commands import streams_of
from parfocal.analysis.force.live_settings import LiveConfig, TetherPhysics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.analysis.force.live_records import ForceExtension
    from parfocal.rig.snapshots import RigSnapshot


def force_service(snapshot: RigSnapshot) -> str:
    """Return the service that makes forces of the motion of beads, known by its streams; "" without one."""
    streams = snapshot.rig.streams
    return next((name for name in snapshot.rig.services if set(streams_of(name)) <= set(streams)), "")


def physics_of(settings: Mapping[str, Any]) -> TetherPhysics:
    """Return what the forces depend on, as the settings of the service tell."""
    told = {name: settings[name] for name in LiveConfig.model_fields if name in settings}
    return LiveConfig.model_validate(told).physics()


def force_text(force_pn: float, sigma_pn: float = math.nan) -> str:
    """Return a force with its standard deviation.

    Examples
    --------
    >>> force_text(1.394, 0.081), force_text(12.34), force_text(math.nan)
    ('1.39 ± 0.08 pN', '12.3 pN', '—')
    """
    if not math.isfinite(force_pn):
        return "—"
    if not (math.isfinite(sigma_pn) and sigma_pn > 0):
        return f"{force_pn:#.3g} pN"
    digits = max(0, 1 - math.floor(math.log10(sigma_pn) + 1))
    return f"{force_pn:.{digits}f} ± {sigma_pn:.{digits}f} pN"


def chain_text(curve: ForceExtension) -> str:
    """Return the chain that fits a curve in words; why there is none otherwise.

    Examples
    --------
    >>> from parfocal.analysis.force.live_records import ForceExtension
    >>> points = {"forces_pn": (1.0,), "extensions_nm": (900.0,), "sigmas_nm": (1.0,), "samples": (9,)}
    >>> chain_text(
    ...     ForceExtension(
    ...         bead=3,
    ...         **points,
    ...         contour_nm=1003.2,
    ...         contour_sigma_nm=4.4,
    ...         persistence_nm=51.3,
    ...         persistence_sigma_nm=2.2,
    ...         chi2=1.04,
    ...     )
    ... )
    'contour 1003 ± 4 nm, persistence 51.3 ± 2.2 nm, chi2 1.0'
    >>> chain_text(ForceExtension(bead=3, **points, reason="too few points"))
    'no chain fitted: too few points'
    """
    if curve.reason:
        return f"no chain fitted: {curve.reason}"
    held = curve.persistence_sigma_nm == 0
    persistence = f"{curve.persistence_nm:.1f}"
    persistence += " nm (held)" if held else f" ± {curve.persistence_sigma_nm:.1f} nm"
    contour = f"contour {curve.contour_nm:.0f} ± {curve.contour_sigma_nm:.0f} nm"
    return f"{contour}, persistence {persistence}, chi2 {curve.chi2:.1f}"
