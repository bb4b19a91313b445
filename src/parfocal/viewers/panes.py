"""What a viewer shows, as data: a pane for each stream and each layer, with all that lies over it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from parfocal.core.errors import BadInputError, ViewerError, nearest
from parfocal.viewers.display import Display, changed, shown_plane
from parfocal.viewers.feed import NOTHING_YET, FeedStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from parfocal.viewers.actions import Action
    from parfocal.viewers.annotations import Annotation
    from parfocal.viewers.stack import Stack


@dataclass(frozen=True)
class Marker:
    """A region of a bead over an image: centre and edge in pixels, its number, and how the bead is.

    Attributes
    ----------
    kind : str
        "good", "flagged", or "untracked" if no row has told of it yet.
    selected, reference : bool
        Whether a person has selected it, and whether it tells the drift.
    """

    bead: int
    x_px: float
    y_px: float
    size_px: float
    kind: str = "untracked"
    selected: bool = False
    reference: bool = False


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
    stack : Stack or None
        All planes of the pane, of which `image` is one; None of a stream. It grows: who shows it compares
        the object and its `version` with what is shown.
    index : mapping
        The components of the plane that `image` is, within the stack.
    annotations : tuple of Annotation
        What lies over that plane.
    picked : tuple of int
        Numbers of the cells that a person has picked.
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
    stack: Stack | None = None
    index: Mapping[str, str] = field(default_factory=dict)
    annotations: tuple[Annotation, ...] = ()
    picked: tuple[int, ...] = ()


class PaneTable:
    """The panes of a viewer by name, in the order in which they came. For one thread.

    Parameters
    ----------
    first : Display
        How a new pane is shown.

    Examples
    --------
    >>> import numpy as np
    >>> panes = PaneTable(Display())
    >>> panes.put_image("nuclei", np.zeros((4, 6), np.uint8), caption="t 3")
    >>> panes.choose("nuclei", {"gamma": 0.5}).gamma, panes["nuclei"].version
    (0.5, 1)
    >>> panes["nucli"]
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: the viewer has no pane 'nucli'; did you mean 'nuclei'?
    """

    def __init__(self, first: Display) -> None:
        self._first = first
        self._panes: dict[str, Pane] = {}
        self._expected: dict[str, Display] = {}

    def __iter__(self) -> Iterator[Pane]:
        return iter(self._panes.values())

    def __getitem__(self, name: str) -> Pane:
        if name not in self._panes:
            raise BadInputError(f"the viewer has no pane {name!r}; {nearest(name, self._panes)}")
        return self._panes[name]

    def add(self, name: str, *, live: bool) -> None:
        """Make a pane, if there is none of that name."""
        display = self._expected.pop(name, self._first)
        self._panes.setdefault(name, Pane(name, live=live, display=display))

    def remove(self, name: str) -> None:
        """Let go of a pane."""
        del self._panes[self[name].name]

    def rename(self, came: Mapping[str, str], gone: Iterable[str]) -> None:
        """Have panes come of others, each shown as the one that it comes of; those that are gone go."""
        before = dict(self._panes)
        for name in gone:
            del self._panes[name]
        for name, old in came.items():
            self._panes.setdefault(name, replace(before[old], name=name))

    def change(self, name: str, **fields: Any) -> None:
        """Replace fields of a pane."""
        self._panes[name] = replace(self[name], **fields)

    def put_image(self, name: str, image: NDArray[Any], **fields: Any) -> None:
        """Show another image in a pane, which is made if it is new."""
        self.add(name, live=False)
        self.change(name, image=shown_plane(image), version=self[name].version + 1, **fields)

    def image(self, name: str) -> NDArray[Any]:
        """Return the image of a pane, as it was measured; `ViewerError` before the first."""
        image = self[name].image
        if image is None:
            raise ViewerError(f"pane {name!r} has shown no image yet")
        return image

    def choose(self, name: str, changes: Mapping[str, Any]) -> Display:
        """Change how a pane is shown, as a whole or not at all; return how it is shown then."""
        display = changed(self[name].display, **changes)
        self.change(name, display=display)
        return display

    def take(self, chosen: Mapping[str, Display]) -> None:
        """Show panes as these displays say; one that is not there yet is shown so when it comes."""
        for name, display in chosen.items():
            if name in self._panes:
                self.change(name, display=display)
            else:
                self._expected[name] = display

    def described(self) -> dict[str, Any]:
        """Return what is shown and how, by pane, as plain values."""
        return {
            pane.name: {
                "display": msgspec.to_builtins(pane.display),
                "shape": None if pane.image is None else list(pane.image.shape),
                "live": pane.live,
                "version": pane.version,
                "caption": pane.caption,
                "status": pane.status._asdict(),
                "markers": len(pane.markers),
                "index": dict(pane.index),
                "axes": {}
                if pane.stack is None
                else dict(zip(pane.stack.axes, pane.stack.shape, strict=False)),
                "annotations": [
                    {"kind": one.kind, "name": one.name, "index": dict(one.index), "count": one.count}
                    for one in pane.annotations
                ],
                "picked": list(pane.picked),
            }
            for pane in self
        }


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

    def new_actions(self) -> Sequence[Action]:
        """Return what else a person has done in the window since the last call, in order."""
        ...

    def close(self) -> object:
        """Let go of everything. Idempotent."""
        ...
