"""Tables: what each bead looks like at every distance from its centre and every height."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, TrackingError
from parfocal.core.files import save_file
from parfocal.tracking.spline import basis

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_FORMAT = "parfocal z tables 1"


@dataclass(frozen=True, slots=True)
class ZTables:
    """Radial tables P(r, z) of all beads of a field, as bicubic B-splines.

    P is the bead's contrast: intensity over background, minus 1.

    Attributes
    ----------
    coefficients : ndarray of float32, (n_beads, z knots + 3, r knots + 3)
        Knots are 1 px and `step_nm` apart.
    roi_px : int
        Edge of the regions they were made from.
    first_nm, step_nm : float
        Height of the first knot, and the distance of knots.
    usable_nm : ndarray, (n_beads, 2)
        Between which heights each table is good: it tells heights apart there, and is not the last cell of
        the sweep, whose far end nothing holds. Rows beyond are flagged.
    chi2 : ndarray, (n_beads,)
        Of the sweep's images about their own radial profile: 1 for a symmetric bead and a true gain. If all
        beads have about the same other value, the true gain is the one given divided by it.
    noise : ndarray, (n_beads, z knots), or None
        Relative variance of a background pixel in the mean of the images at each height: the table's own
        noise, which sigma of z holds. None if nobody knows, as of tables that an earlier version wrote.
    pixel_size_um : float or None
        Edge of a pixel in the sample, if it was told.
    beads : tuple of (int, float, float)
        Whose tables they are: number, x and y (px) of each bead in its frame; empty if nobody said.
    """

    coefficients: NDArray[np.float32]
    roi_px: int
    first_nm: float
    step_nm: float
    usable_nm: NDArray[np.float64]
    chi2: NDArray[np.float64]
    pixel_size_um: float | None = None
    beads: tuple[tuple[int, float, float], ...] = ()
    noise: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name, array in self._arrays().items():  # compiled code takes no other order: it is compiled anew
            object.__setattr__(self, name, np.ascontiguousarray(array))
        count, knots = len(self.coefficients), self.coefficients.shape[1] - 2
        shapes = {"usable_nm": (count, 2), "chi2": (count,), "noise": (count, knots)}
        for name, wanted in shapes.items():
            given = getattr(self, name)
            if given is not None and np.shape(given) != wanted:
                raise BadInputError(f"{name} of {count} tables has shape {wanted}, not {np.shape(given)}")
        if self.beads and len(self.beads) != len(self.coefficients):
            raise BadInputError(f"{len(self.coefficients)} tables cannot be those of {len(self.beads)} beads")

    def __len__(self) -> int:
        return int(self.coefficients.shape[0])

    @property
    def last_nm(self) -> float:
        """Height of the last knot."""
        return self.first_nm + self.step_nm * (int(self.coefficients.shape[1]) - 3)

    @property
    def reach_px(self) -> int:
        """Largest distance from the centre in the tables."""
        return int(self.coefficients.shape[2]) - 3

    @property
    def hash(self) -> str:
        """SHA-256 of everything in the tables; whose they are is not in it."""
        digest = hashlib.sha256(json.dumps(self._facts(), sort_keys=True).encode())
        for array in self._arrays().values():
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def only(self, places: Sequence[int], beads: Iterable[tuple[int, float, float]]) -> ZTables:
        """Return the tables at these places, as those of these beads."""
        return replace(
            self,
            coefficients=self.coefficients[list(places)],
            usable_nm=self.usable_nm[list(places)],
            chi2=self.chi2[list(places)],
            beads=tuple(beads),
            noise=None if self.noise is None else self.noise[list(places)],
        )

    def profile(self, bead: int, z_nm: float, r_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the contrast of a bead at one height and several distances.

        Examples
        --------
        >>> flat = np.full((1, 8, 20), 0.5, np.float32)
        >>> tables = ZTables(flat, 32, 0.0, 100.0, np.array([[0.0, 400.0]]), np.ones(1))
        >>> tables.profile(0, 150.0, np.array([0.0, 3.3])).round(3).tolist()
        [0.5, 0.5]
        """
        along_z = np.clip((z_nm - self.first_nm) / self.step_nm, 0, self.coefficients.shape[1] - 3 - 1e-9)
        along_r = np.clip(np.asarray(r_px, dtype=float), 0, self.reach_px - 1e-9)
        rows = self.coefficients[bead, int(along_z) : int(along_z) + 4].astype(float)
        radial = basis(np.array([along_z]))[0] @ rows
        first = np.floor(along_r).astype(int)
        return np.asarray((basis(along_r) * radial[first[..., None] + np.arange(4)]).sum(axis=-1))

    def usable_knots(self) -> NDArray[np.float64]:
        """Return `usable_nm` in knots, within the table, (n_beads, 2)."""
        knots = (np.asarray(self.usable_nm, dtype=float) - self.first_nm) / self.step_nm
        return np.clip(knots, 0.0, self.coefficients.shape[1] - 3.0)

    def coarse(self, radii: int) -> NDArray[np.float32]:
        """Return each plane at the knots, 0 ... radii - 1 px, less its mean, of unit length: for the seed."""
        knots = np.array([1, 4, 1]) / 6
        c = self.coefficients.astype(np.float64)
        planes = knots[0] * c[:, :-2] + knots[1] * c[:, 1:-1] + knots[2] * c[:, 2:]
        values = knots[0] * planes[..., :-2] + knots[1] * planes[..., 1:-1] + knots[2] * planes[..., 2:]
        values = values[..., : min(radii, self.reach_px)]
        values = values - values.mean(axis=-1, keepdims=True)
        length = np.sqrt((values**2).sum(axis=-1, keepdims=True))
        return np.ascontiguousarray(values / np.maximum(length, 1e-12), dtype=np.float32)

    def noise_at_knots(self) -> NDArray[np.float64]:
        """Return `noise`, with 0 where nobody knows it, (n_beads, z knots)."""
        if self.noise is None:
            return np.zeros((len(self), self.coefficients.shape[1] - 2))
        return np.asarray(self.noise, dtype=float)

    def _arrays(self) -> dict[str, Any]:
        """Return what a file holds as arrays, in the order in which the hash takes them."""
        arrays = {"coefficients": self.coefficients, "usable_nm": self.usable_nm, "chi2": self.chi2}
        return arrays if self.noise is None else {**arrays, "noise": self.noise}

    def _facts(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "roi_px": self.roi_px,
            "first_nm": self.first_nm,
            "step_nm": self.step_nm,
            "pixel_size_um": self.pixel_size_um,
        }


def save_tables(path: str | Path, tables: ZTables) -> str:
    """Write all tables of a field to one file; return their hash.

    The file is a numpy archive (``.npz``): the arrays, and a JSON text that describes them.
    """
    facts = json.dumps(tables._facts() | {"sha256": tables.hash, "beads": tables.beads})
    archive = BytesIO()
    np.savez_compressed(archive, facts=np.array(facts), **tables._arrays())
    save_file(Path(path), archive.getvalue())
    return tables.hash


def load_tables(path: str | Path) -> ZTables:
    """Read tables that `save_tables` wrote.

    Raises
    ------
    TrackingError
        If the file holds something else, or is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            facts = json.loads(str(archive["facts"]))
            arrays = {name: archive[name] for name in ("coefficients", "usable_nm", "chi2")}
            arrays |= {name: archive[name] for name in ("noise",) if name in archive}
    except (KeyError, ValueError, EOFError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise TrackingError(f"{path} holds no z tables: {error}") from error
    if facts.pop("format") != _FORMAT:
        raise TrackingError(f"{path} holds z tables of another format; write them again with this version")
    expected = facts.pop("sha256")
    beads = tuple((int(bead), float(x), float(y)) for bead, x, y in facts.pop("beads", ()))
    tables = ZTables(**arrays, **facts, beads=beads)
    if tables.hash != expected:
        raise TrackingError(
            f"the z tables in {path} are damaged: their hash is not the one they were saved with"
        )
    return tables
