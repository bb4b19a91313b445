"""What a program asks of a viewer, and waits for: what it shows, and pictures of that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.viewers.annotations import Annotation
    from parfocal.viewers.display import Display


class ViewerQuestions(ABC):
    """The questions that a viewer answers within ten seconds.

    Raises
    ------
    ViewerError
        If the viewer says why it cannot.
    DeadlineError
        If it does not answer in time.
    """

    @abstractmethod
    def _ask(self, command: str, *arguments: Any) -> Any:
        """Send a command, and return what the viewer answers."""

    def display(self, pane: str) -> Display:
        """Return how a pane is shown."""
        from parfocal.viewers.display import Display

        return msgspec.convert(self._ask("display", pane), Display)

    def panes(self) -> dict[str, Any]:
        """Return what is shown and how, by pane, as plain values."""
        panes: dict[str, Any] = self._ask("state")["panes"]
        return panes

    def plots(self) -> dict[str, dict[str, int]]:
        """Return how many points each curve of each plot has, by the plots' titles and the curves' names."""
        plots: dict[str, dict[str, int]] = self._ask("state")["plots"]
        return plots

    def image(self, pane: str) -> NDArray[Any]:
        """Return the image that a pane shows, as it was measured."""
        image: NDArray[Any] = self._ask("image", pane)
        return image

    def annotations(self, pane: str) -> tuple[Annotation, ...]:
        """Return what lies over the image that a pane shows, also what a person has drawn or moved there."""
        from parfocal.viewers.annotations import made_of

        return tuple(made_of(**one) for one in self._ask("annotations", pane))

    def picked(self, pane: str) -> tuple[int, ...]:
        """Return the numbers of the cells that were picked in a pane: labels, or particles of a run."""
        return tuple(self._ask("picked", pane))

    def ages_s(self) -> list[float]:
        """Return how old the last thousand live frames were when they had been painted, seconds."""
        ages: list[float] = self._ask("ages_s")
        return ages

    def screenshot(self) -> NDArray[Any]:
        """Return the pixels of the window, (y, x, 3) uint8."""
        pixels: NDArray[Any] = self._ask("screenshot")
        return pixels

    def save_picture(self, path: Path) -> None:
        """Write what is seen to a PNG file."""
        self._ask("save_picture", path.absolute())

    def save_counts(self, pane: str, path: Path) -> None:
        """Write what was measured to a TIFF file."""
        self._ask("save_counts", pane, path.absolute())
