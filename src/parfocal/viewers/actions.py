"""What a person does in a window that shows panes, beside choosing how they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.viewers.annotations import Annotation


@dataclass(frozen=True)
class Selected:
    """Another plane was chosen, by a slider: its components within the stack of the pane."""

    pane: str
    index: Mapping[str, str]


@dataclass(frozen=True)
class Clicked:
    """A point of the image was clicked, to pick the cell there or to let go of it."""

    pane: str
    x_px: float
    y_px: float


@dataclass(frozen=True)
class Drawn:
    """An annotation was drawn, or changed: it takes the place of the one of its name and planes."""

    pane: str
    annotation: Annotation


Action = Selected | Clicked | Drawn
