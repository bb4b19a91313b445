"""The regions of beads, as their service has them: asked for and changed in a thread of its own."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Protocol

from parfocal.core.errors import CommandError, ParfocalError
from parfocal.processes import directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.ipc import Client

_ASK_EVERY_S = 0.5
_ANSWERS_WITHIN_S = 2.0


class EditableRegions(Protocol):
    """Regions that a window shows, and asks to be changed."""

    centers: dict[int, tuple[float, float]]
    size_px: float

    def add(self, x_px: float, y_px: float) -> None:
        """Ask for a region around a point."""
        ...

    def move(self, bead: int, x_px: float, y_px: float) -> None:
        """Ask that a region goes to a point."""
        ...

    def remove(self, bead: int) -> None:
        """Ask that a bead's region goes."""
        ...

    def at(self, x_px: float, y_px: float) -> int | None:
        """Return the bead whose region holds a point; None if there is none."""
        ...


class Regions:
    """A copy of the regions, never older than about half a second, and wishes to change them.

    Nothing here blocks whoever calls it: the service is asked in a thread of this object.

    Parameters
    ----------
    rig, service : str
        Who owns the regions.

    Attributes
    ----------
    centers : dict of int to (float, float)
        Middle x, y of the region of each bead, pixels.
    size_px : float
        Edge of a region.
    problem : str
        Why the last wish or question failed; "" if it did not.
    """

    def __init__(self, rig: str, service: str) -> None:
        self.rig, self.service = rig, service
        self.centers: dict[int, tuple[float, float]] = {}
        self.size_px = 0.0
        self.problem = ""
        self._wishes: queue.Queue[tuple[str, tuple[Any, ...]] | None] = queue.Queue(maxsize=1000)
        self._thread = threading.Thread(target=self._run, name=f"regions of {rig}/{service}", daemon=True)
        self._thread.start()

    def add(self, x_px: float, y_px: float) -> None:
        """Ask for a region around a point."""
        self._wish("add_roi", x_px, y_px)

    def move(self, bead: int, x_px: float, y_px: float) -> None:
        """Ask that a region goes to a point."""
        self._wish("move_roi", bead, x_px, y_px)

    def remove(self, bead: int) -> None:
        """Ask that a bead's region goes."""
        self._wish("remove_roi", bead)

    def at(self, x_px: float, y_px: float) -> int | None:
        """Return the bead whose region holds a point; of several the nearest, None if there is none."""
        return bead_at(self.centers, self.size_px, x_px, y_px)

    def close(self) -> None:
        """End the thread, which may take as long as the service takes to answer."""
        self._wishes.put(None)
        self._thread.join(_ANSWERS_WITHIN_S + 1.0)

    def _wish(self, command: str, *arguments: Any) -> None:
        try:
            self._wishes.put_nowait((command, arguments))
        except queue.Full:
            self.problem = f"{self.service} does not answer: the wish to {command} is dropped"

    def _run(self) -> None:
        client = directory.connect(self.rig, self.service)
        try:
            self._ask(client)
            while True:
                try:
                    wish = self._wishes.get(timeout=_ASK_EVERY_S)
                except queue.Empty:
                    self._ask(client)
                    continue
                if wish is None:
                    return
                self._carry_out(client, *wish)
                self._ask(client)
        finally:
            client.close()

    def _carry_out(self, client: Client, command: str, arguments: tuple[Any, ...]) -> None:
        try:
            client.call(command, *arguments, timeout_s=_ANSWERS_WITHIN_S)
            self.problem = ""
        except (ParfocalError, OSError) as error:
            self.problem = str(error).splitlines()[0]

    def _ask(self, client: Client) -> None:
        try:
            stated = client.call("list_rois", timeout_s=_ANSWERS_WITHIN_S)
        except (CommandError, OSError):
            return  # it starts, or is gone: what was known stays, coloured by its rows
        self.size_px = float(stated["roi_px"])
        self.centers = {roi["bead"]: (float(roi["x_px"]), float(roi["y_px"])) for roi in stated["rois"]}


def bead_at(
    centers: Mapping[int, tuple[float, float]], size_px: float, x_px: float, y_px: float
) -> int | None:
    """Return the bead whose region holds a point; of several the nearest, None if there is none.

    Examples
    --------
    >>> bead_at({3: (10.0, 10.0), 4: (18.0, 10.0)}, 16.0, 15.0, 12.0), bead_at({}, 16.0, 1.0, 1.0)
    (4, None)
    """
    half = size_px / 2
    inside = {
        bead: abs(x - x_px) + abs(y - y_px)
        for bead, (x, y) in centers.items()
        if abs(x - x_px) <= half and abs(y - y_px) <= half
    }
    return min(inside, key=lambda bead: inside[bead]) if inside else None
