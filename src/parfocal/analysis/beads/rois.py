"""Regions of interest: one for each bead, all of one size, versioned. Pure: every change makes a new set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.files import save_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

MOST_ROIS = 10_000
_FORMAT = "parfocal rois 1"


class Roi(msgspec.Struct, frozen=True):
    """A bead's region: its number, and where its middle is, in pixels of the frame."""

    bead: int
    x_px: float
    y_px: float


class RoiSet(msgspec.Struct, frozen=True, kw_only=True):
    """The regions of a rig at one version.

    Middles are clamped so that each region lies within the image; no two beads have one number, and that of a
    removed bead is not given again until `renumbered`.

    Parameters
    ----------
    roi_px : int
        Edge of every region: even, 8 to 256.
    width_px, height_px : int
        Of the image.
    version : int
        Goes up by one with each change.
    next_bead : int
        The number that the next bead gets.

    Examples
    --------
    >>> rois = RoiSet(roi_px=64, width_px=640, height_px=480).added([(100.0, 200.0), (5.0, 5.0)])
    >>> rois.version, [(roi.bead, roi.x_px, roi.y_px) for roi in rois.rois]
    (1, [(0, 100.0, 200.0), (1, 32.0, 32.0)])
    >>> rois.corners().tolist()
    [[168, 68], [0, 0]]
    """

    roi_px: int
    width_px: int
    height_px: int
    rois: tuple[Roi, ...] = ()
    version: int = 0
    next_bead: int = 0

    def __post_init__(self) -> None:
        if self.roi_px % 2 or not 8 <= self.roi_px <= 256:
            raise BadInputError(f"roi_px must be even and from 8 to 256, not {self.roi_px}")
        if self.roi_px > min(self.width_px, self.height_px):
            raise BadInputError(
                f"regions of {self.roi_px} px do not fit into an image of {self.width_px} x {self.height_px}"
            )
        if len(self.rois) > MOST_ROIS:
            raise BadInputError(f"{len(self.rois)} regions are too many; {MOST_ROIS} is the most")
        if len({roi.bead for roi in self.rois}) != len(self.rois):
            raise BadInputError("two regions have the same bead number")

    @property
    def beads(self) -> tuple[int, ...]:
        """Numbers of the beads, in the order of the regions."""
        return tuple(roi.bead for roi in self.rois)

    @property
    def apart_px(self) -> int:
        """How far found beads lie from one another if nothing else is asked for: 5/8 of a region's edge."""
        return max(8, self.roi_px * 5 // 8)

    def __getitem__(self, bead: int) -> Roi:
        """Return the region of a bead; `BadInputError` if it has none."""
        return self.rois[self._place(bead)]

    def corners(self) -> NDArray[np.int64]:
        """Return (n, 2): y and x of each region's first pixel."""
        middles = np.array([(roi.y_px, roi.x_px) for roi in self.rois]).reshape(-1, 2)
        corners: NDArray[np.int64] = np.rint(middles).astype(np.int64) - self.roi_px // 2
        return corners

    def added(self, middles: Iterable[tuple[float, float]]) -> RoiSet:
        """Return the set with beads at x, y added, numbered on."""
        places = [self._clamped(x, y) for x, y in middles]
        new = tuple(Roi(self.next_bead + n, x, y) for n, (x, y) in enumerate(places))
        return self._changed(self.rois + new, self.next_bead + len(new))

    def moved(self, places: Mapping[int, tuple[float, float]]) -> RoiSet:
        """Return the set with the regions of some beads elsewhere: their new middles x, y by bead."""
        for bead in places.keys() - set(self.beads):
            self._place(bead)
        if not places:
            return self
        return self._changed(
            tuple(
                Roi(roi.bead, *self._clamped(*places[roi.bead])) if roi.bead in places else roi
                for roi in self.rois
            )
        )

    def removed(self, bead: int) -> RoiSet:
        """Return the set without one bead."""
        place = self._place(bead)
        return self._changed(self.rois[:place] + self.rois[place + 1 :])

    def cleared(self) -> RoiSet:
        """Return the set without any bead; numbers begin at 0 again."""
        return self._changed((), 0)

    def renumbered(self) -> RoiSet:
        """Return the set with the beads numbered 0, 1, 2 ... in the order of their regions."""
        return self._changed(
            tuple(msgspec.structs.replace(roi, bead=n) for n, roi in enumerate(self.rois)), len(self.rois)
        )

    def free_of(self, middles: Iterable[tuple[float, float]], apart_px: float) -> list[tuple[float, float]]:
        """Return those middles that are `apart_px` from every bead of this set and from those before them."""
        asked = list(middles)
        count = len(self.rois)
        taken = np.empty((count + len(asked), 2))
        taken[:count] = np.array([(roi.x_px, roi.y_px) for roi in self.rois]).reshape(-1, 2)
        free: list[tuple[float, float]] = []
        for middle in asked:
            if not (np.hypot(*(taken[:count] - middle).T) < apart_px).any():
                taken[count] = middle
                count += 1
                free.append(middle)
        return free

    def save(self, path: Path) -> None:
        """Write the set as JSON."""
        text = msgspec.json.format(msgspec.json.encode({"format": _FORMAT, **msgspec.structs.asdict(self)}))
        save_file(path, text)

    def loaded(self, path: Path) -> RoiSet:
        """Return the regions in a file as the next version of this set, clamped to its image.

        Raises
        ------
        BadInputError
            If the file holds no regions, or regions of another size or beyond the image.
        """
        saved = saved_rois(path)
        if saved.roi_px != self.roi_px:
            raise BadInputError(
                f"{path} holds regions of {saved.roi_px} px, but roi_px is {self.roi_px}; make them the same"
            )
        for roi in saved.rois:
            if not (0 <= roi.x_px < self.width_px and 0 <= roi.y_px < self.height_px):
                raise BadInputError(
                    f"{path} holds bead {roi.bead} at ({roi.x_px:g}, {roi.y_px:g}), outside of this image of "
                    f"{self.width_px} x {self.height_px} px; the regions are of one of {saved.width_px} x "
                    f"{saved.height_px} px"
                )
        rois = tuple(Roi(roi.bead, *self._clamped(roi.x_px, roi.y_px)) for roi in saved.rois)
        return self._changed(rois, max((roi.bead + 1 for roi in rois), default=0))

    def _changed(self, rois: tuple[Roi, ...], next_bead: int | None = None) -> RoiSet:
        return msgspec.structs.replace(
            self,
            rois=rois,
            version=self.version + 1,
            next_bead=self.next_bead if next_bead is None else next_bead,
        )

    def _place(self, bead: int) -> int:
        for place, roi in enumerate(self.rois):
            if roi.bead == bead:
                return place
        known = (
            f"there are {len(self.rois)}, {min(self.beads)} to {max(self.beads)}"
            if self.rois
            else "there are none"
        )
        raise BadInputError(f"there is no bead {bead}; {known}")

    def _clamped(self, x_px: float, y_px: float) -> tuple[float, float]:
        if not (np.isfinite(x_px) and np.isfinite(y_px)):
            raise BadInputError(f"a region cannot lie at ({x_px}, {y_px})")
        half = self.roi_px / 2
        return (
            float(min(max(x_px, half), self.width_px - half)),
            float(min(max(y_px, half), self.height_px - half)),
        )


def saved_rois(path: Path) -> RoiSet:
    """Return the regions in a file as they were saved.

    Raises
    ------
    BadInputError
        If the file holds no regions.
    """
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.pop("format", None) != _FORMAT:
            raise BadInputError(f"{path} holds no regions in the format {_FORMAT!r}")
        return msgspec.convert(document, RoiSet)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, BadInputError):
            raise
        raise BadInputError(f"{path} holds no regions: {error}") from error
