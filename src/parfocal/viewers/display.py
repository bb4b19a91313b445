"""How one image is shown: what a person has chosen, and the colours that follow from it. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

Colormap = Literal["grey", "inverted", "viridis", "magma", "turbo", "red", "green", "blue", "cyan"]
_LUT_STEPS = 256
_SAMPLES = 1 << 14
_LARGEST = 1e300
_WHOLE = 2.0**50
"""Below this, halves between whole numbers are numbers."""
_LARGEST_FLOAT32 = 1e38
_TAILS = 0.002
"""Part of the pixels that automatic contrast leaves black, and white."""


class Display(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has chosen for one pane; it stays when the image changes.

    Attributes
    ----------
    contrast : "auto" or "fixed"
        Whether the levels follow each image.
    low, high : float
        Counts shown black and white while the contrast is fixed; the last ones while it is automatic.
    gamma : float
        0.1 to 10; below 1 brightens what is dark.
    colormap : str
        One of `Colormap`.
    center : tuple of float, optional
        x and y of the image point in the middle, pixels; None shows the whole image.
    zoom : float
        Screen pixels for one image pixel; goes with `center`.
    frozen : bool
        Whether a live pane keeps the image that it shows.
    crosshair : tuple of float, optional
        x and y of the marked pixel.

    Examples
    --------
    >>> changed(Display(), gamma=0.5, colormap="magma").colormap
    'magma'
    """

    contrast: Literal["auto", "fixed"] = "auto"
    low: float = 0.0
    high: float = 255.0
    gamma: float = 1.0
    colormap: str = "grey"
    center: tuple[float, float] | None = None
    zoom: float = 1.0
    frozen: bool = False
    crosshair: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.colormap not in get_args(Colormap):
            known = nearest(self.colormap, get_args(Colormap))
            raise BadInputError(f"no colormap is called {self.colormap!r}; {known}")
        if not 0.1 <= self.gamma <= 10:
            raise BadInputError(f"gamma must lie from 0.1 to 10, not {self.gamma}")
        if not self.low < self.high:
            raise BadInputError(f"low must be below high, not {self.low} and {self.high}")
        if self.contrast not in ("auto", "fixed"):
            raise BadInputError(f"contrast is 'auto' or 'fixed', not {self.contrast!r}")
        if not 1e-3 <= self.zoom <= 1e3:
            raise BadInputError(f"zoom must lie from 0.001 to 1000, not {self.zoom}")


def changed(display: Display, **changes: Any) -> Display:
    """Return a display with changes, checked as a whole; setting a level makes the contrast fixed.

    Raises
    ------
    BadInputError
        For an unknown name, naming the nearest, or a value that cannot be.
    """
    known = Display.__struct_fields__
    for name in changes:
        if name not in known:
            raise BadInputError(f"a display has no {name!r}; {nearest(name, known)}")
    if {"low", "high"} & changes.keys() and "contrast" not in changes:
        changes["contrast"] = "fixed"
    try:
        return msgspec.convert({**msgspec.structs.asdict(display), **changes}, Display)
    except msgspec.ValidationError as error:
        raise BadInputError(f"display: {error}") from error


def auto_levels(image: NDArray[Any]) -> tuple[float, float]:
    """Return the levels between which all but a few of the pixels lie, from at most 16 384 of them.

    Examples
    --------
    >>> auto_levels(np.arange(1000, dtype=np.uint16).reshape(25, 40))
    (2.0, 997.0)
    """
    flat = image.reshape(-1)
    sample = np.sort(flat[:: max(1, len(flat) // _SAMPLES)])
    if sample.dtype.kind == "f":
        sample = sample[np.isfinite(sample)]
    if not len(sample):
        return 0.0, 1.0
    tail = int(len(sample) * _TAILS)
    low, high = float(sample[tail]), float(sample[-1 - tail])
    return (low, high) if low < high else (low, max(low + 1.0, float(np.nextafter(low, np.inf))))


def brightness_counts(sample: NDArray[Any], bins: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return how many of some finite numbers lie in each of `bins`, and the edges of these.

    Numbers too close to one another for so many bins, as in an even image, get wider ones. Of whole
    numbers there are as many in each, and the bins may be fewer.

    Examples
    --------
    >>> counts, edges = brightness_counts(np.full(10, 2**64 - 1, np.uint64), 4)
    >>> counts.sum(), len(edges), bool((np.diff(edges) > 0).all())
    (np.int64(10), 5, True)
    >>> brightness_counts(np.array([3, 4, 4, 5], np.uint8), 8)
    (array([1, 2, 1]), array([2.5, 3.5, 4.5, 5.5]))
    """
    numbers = np.clip(sample.astype(np.float64), -_LARGEST, _LARGEST)
    low, high = float(numbers.min()), float(numbers.max())
    if sample.dtype.kind in "iu" and max(abs(low), abs(high)) < _WHOLE:
        width = np.ceil((high - low + 1) / bins)  # of unequal ones a histogram looks like a comb
        bins = int(np.ceil((high - low + 1) / width))
        return np.histogram(numbers, bins, (low - 0.5, low - 0.5 + bins * width))
    least = max(0.5 if low == high else 0.0, 2 * bins * float(np.spacing(max(abs(low), abs(high)))))
    if high - low < least:
        low, high = low - least, high + least
    return np.histogram(numbers, bins, (low, high))


def levels(display: Display, image: NDArray[Any]) -> tuple[float, float]:
    """Return the levels that an image is shown with; beyond 1e300 they have no difference that is a number.

    Examples
    --------
    >>> levels(Display(), np.array([[-1.7e308, 1.7e308]]))
    (-1e+300, 1e+300)
    """
    low, high = auto_levels(image) if display.contrast == "auto" else (display.low, display.high)
    low, high = max(-_LARGEST, min(low, _LARGEST)), max(-_LARGEST, min(high, _LARGEST))
    return (low, high) if low < high else (min(low, 0.9 * _LARGEST), max(high, -0.9 * _LARGEST))


@lru_cache(maxsize=64)
def lookup_table(colormap: str, gamma: float) -> NDArray[np.uint8]:
    """Return the colours from the low to the high level, (256, 3) uint8.

    Examples
    --------
    >>> lookup_table("grey", 1.0)[[0, 128, 255]].tolist()
    [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    """
    part = np.linspace(0, 1, _LUT_STEPS) ** gamma
    if colormap in ("viridis", "magma", "turbo"):
        from matplotlib import colormaps

        colours = np.asarray(colormaps[colormap](part))[:, :3]
    else:
        tint = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0.2, 0.4, 1), "cyan": (0, 1, 1)}
        colours = part[:, None] * np.array(tint.get(colormap, (1, 1, 1)))
        colours = 1 - colours if colormap == "inverted" else colours
    table = np.asarray(np.round(colours * 255), np.uint8)
    table.flags.writeable = False
    return table


def colour(image: NDArray[Any], display: Display) -> NDArray[np.uint8]:
    """Return an image (y, x) in its colours, (y, x, 3) uint8; one of that kind stays what it is."""
    if image.ndim == 3:
        return np.asarray(image, np.uint8)
    low, high = levels(display, image)
    is_large = max(abs(low), abs(high)) > _LARGEST_FLOAT32
    with np.errstate(over="ignore"):  # what is beyond any level is as bright as the highest
        numbers: NDArray[Any] = image.astype(np.float64 if is_large else np.float32)
    np.clip(numbers, low, high, out=numbers)
    steps = np.nan_to_num((numbers - low) * ((_LUT_STEPS - 1) / (high - low)))
    table = lookup_table(display.colormap, display.gamma)
    return np.asarray(table[np.clip(steps, 0, 255).astype(np.uint8)], np.uint8)


def shown_plane(image: NDArray[Any]) -> NDArray[Any]:
    """Return what of an array is shown as an image: (y, x), or (y, x, 3) uint8 colours.

    Raises
    ------
    BadInputError
        If it has no such plane; of a stack the last plane is shown.
    """
    if image.ndim == 2:
        return image
    if image.ndim == 3 and image.shape[2] in (3, 4) and image.dtype == np.uint8:
        return image[..., :3]
    if image.ndim > 2:
        return shown_plane(image[-1])
    raise BadInputError(f"an image has two dimensions or more, not the shape {image.shape}")
