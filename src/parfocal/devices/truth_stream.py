"""What the frames of a simulated camera show, by command and as a stream of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, StreamTimeoutError
from parfocal.core.frames import RowSpec
from parfocal.core.protocols import Camera, KnowsTruth
from parfocal.streams import StreamWriter

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_ROWS = 1 << 17


class TruthStream:
    """The truth of a camera that knows it.

    Parameters
    ----------
    device : Camera
        Any; of one that does not know the truth, asking for it is refused.
    name : str
        What the rig file calls it.
    """

    def __init__(self, device: Camera, name: str) -> None:
        self._truth = device if isinstance(device, KnowsTruth) else None
        self._name = name
        self._writer: StreamWriter | None = None

    def open(self, folder: Path, stream: str) -> StreamWriter:
        """Make the stream, which whoever calls closes.

        Raises
        ------
        BadInputError
            If the camera does not know the truth.
        """
        spec = RowSpec.of(self._knowing().truth_dtype)
        self._writer = StreamWriter(folder, stream, spec, _ROWS)
        return self._writer

    def of(self, frame: int, first_frame: int) -> NDArray[Any]:
        """Return what a frame shows, a row for each object; the device counts from `first_frame` on."""
        rows = self._knowing().ground_truth(frame - first_frame)
        rows["frame"] = frame
        return rows

    def write(self, frame: int, first_frame: int) -> bool:
        """Write what a frame shows, if there is a stream; False, at once, if that has no room."""
        if self._writer is None:
            return True
        try:
            self._writer.write_rows(self.of(frame, first_frame), timeout_s=0.0)
        except StreamTimeoutError:
            return False
        return True

    def _knowing(self) -> KnowsTruth:
        if self._truth is None:
            raise BadInputError(f"camera {self._name!r} does not know the truth; set truth = ''")
        return self._truth
