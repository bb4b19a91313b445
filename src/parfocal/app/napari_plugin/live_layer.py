"""A layer of napari that shows the newest frame of a stream. It reads it itself; nobody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.viewers.feed import LiveFeed

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.core.frames import Frame


class LiveLayer:
    """Follows a stream through restarts; its layer is made with the first frame, then changed in place.

    An update keeps contrast, colours, visibility and whatever else a person has chosen. For the GUI thread.

    Parameters
    ----------
    viewer : napari.Viewer
        Gets the layer.
    folder : path
        Where the stream is, or will be.
    rig, stream : str
        Its name.
    """

    def __init__(self, viewer: Any, folder: Path, rig: str, stream: str) -> None:
        self._viewer = viewer
        self._name = f"{rig}/{stream}"
        self._feed = LiveFeed(folder, stream)
        self._layer: Any = None

    def turn(self) -> bool:
        """Show what is new; return False once a person has removed the layer."""
        if self._layer is not None and self._layer not in self._viewer.layers:
            return False
        frame = self._feed.poll()
        if frame is not None:
            self._show(frame)
        return True

    def text(self) -> str:
        """Return how old the image is, and whether more will come, in a few words.

        Examples
        --------
        A stream without a writer is "no writer"; one that goes on "12 ms old, 40 a second".
        """
        if self._feed.rows is not None:
            return "rows: nothing to show"
        status = self._feed.status()
        if self._layer is None:
            return "no frame yet"
        if not status.live:
            return "no writer"
        return f"{1e3 * status.age_s:.0f} ms old, {status.fps:.3g} a second"

    def close(self) -> None:
        """Leave the stream; the layer stays with its last image. Idempotent."""
        self._feed.close()

    def _show(self, frame: Frame) -> None:
        header, spec = frame.header, self._feed.spec
        size = (spec.pixel_size_um if spec is not None else None) or 1.0
        if self._layer is None:
            self._layer = self._viewer.add_image(frame.data, name=self._name, scale=(size, size))
        else:
            self._layer.data = frame.data
        self._layer.metadata.update(frame=header.frame, time_ns=header.time_ns)
