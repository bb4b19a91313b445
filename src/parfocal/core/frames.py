"""What a frame is, and what a row is: shape, dtype, axes, pixel size, and the header that travels with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Sensor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the counts of a camera mean. The camera tells it, once; everybody else reads it from the stream.

    Parameters
    ----------
    gain_e_per_adu : float
        Electrons for one count.
    offset_adu : float
        Counts of a pixel without light.
    read_noise_e : float
        RMS of the read noise, electrons.
    saturation_adu : float
        From so many counts on a pixel tells no more; 0 if unknown.
    bit_depth : int
        Bits that a count has; 0 if unknown. Saturation lies at their end, if it isn't told.

    Examples
    --------
    >>> Sensor(gain_e_per_adu=0.5, bit_depth=12).saturates_at
    4095.0
    """

    gain_e_per_adu: float = 1.0
    offset_adu: float = 0.0
    read_noise_e: float = 0.0
    saturation_adu: float = 0.0
    bit_depth: int = 0

    def __post_init__(self) -> None:
        for name in ("gain_e_per_adu", "offset_adu", "read_noise_e", "saturation_adu"):
            if not math.isfinite(getattr(self, name)):
                raise BadInputError(f"{name} of a sensor must be finite, not {getattr(self, name)}")
        if not self.gain_e_per_adu > 0 or self.read_noise_e < 0 or not 0 <= self.bit_depth <= 64:
            raise BadInputError(f"a sensor has a positive gain, no negative noise, 0 to 64 bits, not {self}")

    @property
    def saturates_at(self) -> float | None:
        """The counts at which a pixel is saturated; None if nobody knows."""
        if self.saturation_adu > 0:
            return self.saturation_adu
        return float((1 << self.bit_depth) - 1) if self.bit_depth else None


class FrameSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="frames"):
    """What every frame of a stream looks like.

    Parameters
    ----------
    shape : tuple of int
        Pixels along each of `axes`, (y, x) for a camera.
    dtype : str
        numpy name of the pixel type, such as "uint8" or "uint16".
    axes : str
        One letter for each dimension, from OME's ``tczyx``.
    pixel_size_um : float or None
        Edge of a pixel in the sample; None if unknown.
    sensor : Sensor or None
        What the counts mean; None if the source does not know.

    Examples
    --------
    >>> spec = FrameSpec(shape=(512, 640), dtype="uint16", pixel_size_um=0.1)
    >>> spec.nbytes
    655360
    """

    shape: tuple[int, ...]
    dtype: str
    axes: str = "yx"
    pixel_size_um: float | None = None
    sensor: Sensor | None = None

    def __post_init__(self) -> None:
        _check_dtype(self.dtype)
        if not self.shape or any(n < 1 for n in self.shape):
            raise BadInputError(f"shape {self.shape} of a frame needs at least one pixel along each axis")
        if len(self.axes) != len(self.shape) or len(set(self.axes)) != len(self.axes):
            raise BadInputError(f"axes {self.axes!r} must name each of the {len(self.shape)} dimensions once")
        if not set(self.axes) <= set("tczyx"):
            raise BadInputError(f"axes {self.axes!r} may hold only the letters t, c, z, y, x")
        if self.pixel_size_um is not None and not self.pixel_size_um > 0:
            raise BadInputError(f"pixel_size_um must be positive, not {self.pixel_size_um}")

    @property
    def nbytes(self) -> int:
        """Bytes of one frame's pixels."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


class RowSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="rows"):
    """What every row of a stream looks like: names and numpy types of its columns, in order.

    Examples
    --------
    >>> spec = RowSpec(columns=(("frame", "<u8"), ("x_px", "<f8")))
    >>> spec.numpy_dtype.names
    ('frame', 'x_px')
    >>> RowSpec.of(spec.numpy_dtype) == spec
    True
    """

    columns: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if not self.columns:
            raise BadInputError("a row needs at least one column")
        for _, dtype in self.columns:
            _check_dtype(dtype)

    @classmethod
    def of(cls, dtype: np.dtype[Any]) -> RowSpec:
        """Return the spec of a structured dtype with scalar fields."""
        if dtype.names is None:
            raise BadInputError(f"rows need a structured dtype with named columns, not {dtype}")
        for name in dtype.names:
            if dtype[name].shape or dtype[name].names:
                raise BadInputError(
                    f"column {name!r} of a row holds {dtype[name]}; give each number a column"
                )
        return cls(columns=tuple((name, dtype[name].str) for name in dtype.names))

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The structured dtype of a row, packed."""
        return np.dtype(list(self.columns))


StreamSpec = FrameSpec | RowSpec


class FrameHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What travels with a frame.

    Parameters
    ----------
    frame : int
        Number of the frame as the camera counts it, from 0; a gap is a frame that the camera lost.
    time_ns : int
        End of the exposure on the machine's monotonic clock, nanoseconds. Of a movie that is played as fast
        as it is read, its own time; 0 in all frames of one whose times nobody tells.
    utc_ns : int
        The same instant, nanoseconds since 1970-01-01 UTC.
    exposure_ns : int
        Length of the exposure, nanoseconds.
    event : int
        Number of the plan's event that this frame was taken for, from 0; -1 if it belongs to none.
    """

    frame: int
    time_ns: int = 0
    utc_ns: int = 0
    exposure_ns: int = 0
    event: int = -1


@dataclass(frozen=True, slots=True)
class Frame:
    """Pixels and what travels with them.

    Attributes
    ----------
    data : ndarray
        The pixels, in the shape and dtype of the stream's `FrameSpec`: (y, x) for a camera. A copy of its
        own unless the reader's method says that it lends a view.
    header : FrameHeader
        Frame number and times.
    """

    data: NDArray[Any]
    header: FrameHeader


def blank_rows(dtype: np.dtype[Any], count: int) -> NDArray[np.void]:
    """Return rows (count,) of which nothing is known: NaN, -1, 0 if unsigned, or "".

    Examples
    --------
    >>> blank_rows(np.dtype([("number", "<i8"), ("power", "<f8"), ("lit", "u1")]), 1).tolist()
    [(-1, nan, 0)]
    """
    rows = np.zeros(count, dtype)
    for name in dtype.names or ():
        kind = dtype[name].kind
        if kind in "if":
            rows[name] = np.nan if kind == "f" else -1
    return rows


def _check_dtype(name: str) -> None:
    try:
        dtype = np.dtype(name)
    except TypeError as error:
        raise BadInputError(f"dtype {name!r} is unknown to numpy; write 'uint8', 'uint16', ...") from error
    if dtype.hasobject:
        raise BadInputError(f"dtype {name!r} holds Python objects, which cannot lie in shared memory")
