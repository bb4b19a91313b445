"""Masks of light in the pixels of a camera, their hashes, and where those pixels lie on a modulator. Pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

AffineRows = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Factors of x, of y, and what is added, for x and for y of the result."""
BLANK = 0
"""Stands for the hash of a mask where none is shown."""
FULL = 255
"""What a pixel of a mask is that is lit."""


class ShownMask(msgspec.Struct, frozen=True, kw_only=True):
    """What a modulator shows, read back where it tells that.

    Parameters
    ----------
    hash : int
        `mask_hash` of the mask that was asked for; `BLANK` if nothing is shown.
    lit_px : int
        How many of the modulator's own pixels pass light.
    shown_ns : int
        Since when, nanoseconds of the monotonic clock.
    read_back : bool
        Whether the modulator told it itself. If not, it is what was sent last, and what it took without an
        error: nobody has seen that it is shown.
    """

    hash: int
    lit_px: int
    shown_ns: int
    read_back: bool = True


class PackedMask(msgspec.Struct, frozen=True, kw_only=True):
    """A mask as a modulator's service takes it.

    Parameters
    ----------
    mask : bytes
        Its pixels as bits, as `pack_mask` makes them.
    shape : tuple of int
        (y, x).
    hash : int
        `mask_hash` of the mask.
    """

    mask: bytes
    shape: tuple[int, int]
    hash: int

    @classmethod
    def of(cls, mask: NDArray[np.uint8] | NDArray[np.bool_]) -> PackedMask:
        """Return a mask of 0 and 255, or of bool, packed.

        Raises
        ------
        BadInputError
            If it has levels between dark and full light, which a modulator has not.
        """
        if mask.dtype != np.bool_ and (mask + np.uint8(1) > 1).any():  # 255 and 1 add up to 0
            between = mask[(mask != 0) & (mask != FULL)]
            raise BadInputError(
                f"a mask has {between.size} pixels between dark (0) and full light ({FULL}), such as "
                f"{between[0]}: a pixel of the modulator is lit or not; return a mask of bool"
            )
        packed = pack_mask(mask)
        return cls(mask=packed, shape=mask.shape, hash=packed_hash(packed, mask.shape))

    def unpacked(self) -> NDArray[np.uint8]:
        """Return the mask (y, x): 0 is dark, 255 is lit.

        Examples
        --------
        >>> PackedMask.of(np.eye(2, dtype=bool)).unpacked().tolist()
        [[255, 0], [0, 255]]
        """
        return unpack_mask(self.mask, self.shape) * np.uint8(FULL)


class ModulatorCalibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the pixels of a camera lie on a modulator.

    Parameters
    ----------
    to_modulator : tuple
        Two rows of three: ``x = a*x_px + b*y_px + c``, and the same for y, in pixels of the modulator.
    camera_shape, modulator_shape : tuple of int
        (y, x) of a frame, and of the modulator, for which it holds.
    residual_px : float
        RMS distance of the spots from the fit, in camera pixels.
    spots : int
        How many the fit rests on.
    utc_ns : int
        When it was made, nanoseconds of UTC.

    Examples
    --------
    >>> shifted = ModulatorCalibration(
    ...     to_modulator=((1.0, 0.0, 3.0), (0.0, 1.0, 0.0)),
    ...     camera_shape=(4, 4),
    ...     modulator_shape=(4, 8),
    ...     residual_px=0.1,
    ...     spots=9,
    ...     utc_ns=0,
    ... )
    >>> shifted.age_days(86_400_000_000_000)
    1.0
    """

    to_modulator: AffineRows
    camera_shape: tuple[int, int]
    modulator_shape: tuple[int, int]
    residual_px: float
    spots: int
    utc_ns: int

    def __post_init__(self) -> None:
        matrix = np.array(self.to_modulator)
        if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:, :2])) < 1e-9:
            raise BadInputError(f"a calibration has to be invertible, which {self.to_modulator} is not")
        if min(*self.camera_shape, *self.modulator_shape) < 1:
            raise BadInputError(
                f"a shape is at least (1, 1), not {self.camera_shape}, {self.modulator_shape}"
            )

    def age_days(self, utc_ns: int) -> float:
        """Return how old it is at a time."""
        return (utc_ns - self.utc_ns) / 86_400e9


def mask_hash(mask: NDArray[Any]) -> int:
    """Return 64 bits that tell a mask (y, x) from others: of its shape, and of which pixels are not 0.

    Examples
    --------
    >>> mask = np.eye(3, dtype=np.uint8)
    >>> mask_hash(mask) == mask_hash(mask * 255) != mask_hash(mask[:2])
    True
    """
    return packed_hash(pack_mask(mask), mask.shape)


def shown_mask(mask: NDArray[Any], shown_ns: int) -> ShownMask:
    """Return what a modulator tells that shows a mask with a pixel of its own for each of the mask's."""
    return ShownMask(hash=mask_hash(mask), lit_px=int(np.count_nonzero(mask)), shown_ns=shown_ns)


def packed_hash(packed: bytes, shape: tuple[int, ...]) -> int:
    """Return `mask_hash` of a mask that is packed."""
    digest = blake2b(packed, digest_size=8, key=repr(tuple(map(int, shape))).encode())
    return int.from_bytes(digest.digest(), "little") or 1


def pack_mask(mask: NDArray[Any]) -> bytes:
    """Return a mask as bits, row after row; what is not 0 is lit.

    Raises
    ------
    BadInputError
        If it is no image of one channel.
    """
    if mask.ndim != 2 or not mask.size:
        raise BadInputError(f"a mask is an image (y, x), not of shape {mask.shape}")
    return np.packbits(mask if mask.dtype in (np.bool_, np.uint8) else mask != 0).tobytes()


def lit_pixels(packed: bytes, shape: tuple[int, int]) -> int:
    """Return how many pixels of a packed mask are lit. Raises as `unpack_mask`.

    Examples
    --------
    >>> lit_pixels(pack_mask(np.eye(3)), (3, 3)), lit_pixels(bytes([255, 255]), (3, 3))
    (3, 9)
    """
    check_packed(packed, shape)
    beyond = 8 * len(packed) - shape[0] * shape[1]  # bits of the last byte that are no pixels
    words = np.frombuffer(packed.ljust(-(-len(packed) // 8) * 8, b"\0"), np.uint64)
    return int(np.bitwise_count(words).sum()) - (packed[-1] & (1 << beyond) - 1).bit_count()


def unpack_mask(packed: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a packed mask as an image of 0 and 1.

    Raises
    ------
    BadInputError
        If there are not as many bits as pixels.

    Examples
    --------
    >>> unpack_mask(pack_mask(np.eye(2)), (2, 2)).tolist()
    [[1, 0], [0, 1]]
    """
    check_packed(packed, shape)
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=shape[0] * shape[1]).reshape(shape)


def check_packed(packed: bytes, shape: tuple[int, int]) -> None:
    """Raise `BadInputError` if a packed mask does not have as many bits as pixels."""
    height, width = shape
    if min(shape) < 1 or len(packed) != -(-height * width // 8):
        raise BadInputError(f"a mask of shape {shape} does not have {len(packed)} bytes")
