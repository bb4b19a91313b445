"""What a viewer shows, as data: a pane for each stream and each layer, with all that lies over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from parfocal.viewers.display import Display
from parfocal.viewers.feed import NOTHING_YET, FeedStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Marker:
    """A region of a bead over an image: centre and edge in pixels, its number, and how the bead is.

    Attributes
    ----------
    kind : str
        "good", "flagged", or "untracked" if no row has told of it yet.
    """

    bead: int
    x_px: float
    y_px: float
    size_px: float
    kind: str = "untracked"


@dataclass(frozen=True)
class Curve:
    """A line of a plot: seconds before now, and values."""

    name: str
    x_s: NDArray[Any]
    y: NDArray[Any]


@dataclass(frozen=True)
class Plot:
    """A scrolling plot of a stream of rows.

    Attributes
    ----------
    title, unit : str
        What is drawn, such as "z", and in which unit.
    curves : tuple of Curve
        One for each bead that is drawn.
    """

    title: str
    unit: str
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True)
class Pane:
    """One image and all that is shown with it. Frozen: who shows it compares it with what is shown.

    Attributes
    ----------
    name : str
        Of the layer, or "RIG/STREAM" of what is followed.
    image : ndarray or None
        (y, x) of any number type, or (y, x, 3) uint8; None before the first.
    version : int
        Another one with each new image.
    display : Display
        What a person has chosen.
    pixel_size_um : float or None
        For the scale bar.
    live : bool
        Whether it follows a stream.
    status : FeedStatus
        Of a live one.
    caption : str
        The index of the image that is shown, and how many there are.
    markers : tuple of Marker
        Regions and beads.
    """

    name: str
    image: NDArray[Any] | None = None
    version: int = 0
    display: Display = field(default_factory=Display)
    pixel_size_um: float | None = None
    live: bool = False
    status: FeedStatus = NOTHING_YET
    caption: str = ""
    markers: tuple[Marker, ...] = ()


class View(Protocol):
    """What paints panes: a window, or none. For the service's main thread."""

    def paint(self, panes: Sequence[Pane], plots: Sequence[Plot]) -> None:
        """Show this. When it returns, the pixels are these."""
        ...

    def grab(self) -> NDArray[Any]:
        """Return the pixels that are shown, (y, x, 3) uint8."""
        ...

    def displays(self) -> Mapping[str, Display]:
        """Return what a person has chosen in the window since the last paint, by pane."""
        ...

    def close(self) -> object:
        """Let go of everything. Idempotent."""
        ...
