"""Labels and masks that find no room, as the disk is slow: kept as they were found, written when there is."""

from __future__ import annotations

import threading
import zlib
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.runs.pipeline.analysed import AnalysedFrame, AnalysisSink


class PackedImage(NamedTuple):
    """An image, compressed; those of labels and masks take some hundredths of their size.

    Examples
    --------
    >>> labels = np.eye(200, dtype=np.int32)
    >>> packed = PackedImage.of(labels)
    >>> len(packed.pixels) < 0.05 * labels.nbytes, bool((packed.unpacked() == labels).all())
    (True, True)
    """

    pixels: bytes
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, image: NDArray[Any]) -> PackedImage:
        """Return an image, compressed."""
        return cls(zlib.compress(image.tobytes(), level=1), image.shape, image.dtype.str)

    def unpacked(self) -> NDArray[Any]:
        """Return the image."""
        return np.frombuffer(zlib.decompress(self.pixels), self.dtype).reshape(self.shape)


class WaitingImages:
    """Hands labels and masks to a sink, and keeps those for which it has no room. Any thread.

    Parameters
    ----------
    sink : AnalysisSink
        Takes them.
    """

    def __init__(self, sink: AnalysisSink) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._waiting: deque[tuple[AnalysedFrame, dict[str, PackedImage]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def write(self, frame: AnalysedFrame) -> None:
        """Hand over labels and mask, after those that wait; keep a copy if there is no room."""
        with self._lock:
            if not self._settled() or not self._sink.write_images(frame):
                images = {"labels": frame.labels, "mask": frame.mask}
                packed = {name: PackedImage.of(image) for name, image in images.items() if image is not None}
                self._waiting.append((replace(frame, labels=None, mask=None), packed))

    def settle(self) -> bool:
        """Hand over what waits, as far as there is room; return whether nothing waits any more."""
        with self._lock:
            return self._settled()

    def forget(self) -> None:
        """Keep no image any longer: the record is closed."""
        with self._lock:
            self._waiting.clear()

    def _settled(self) -> bool:
        while self._waiting:
            frame, packed = self._waiting[0]
            images: dict[str, Any] = {name: image.unpacked() for name, image in packed.items()}
            if not self._sink.write_images(replace(frame, **images)):
                return False
            self._waiting.popleft()
        return True
