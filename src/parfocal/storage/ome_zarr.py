"""The documents of an OME-Zarr 0.5 image of frames, as pure functions of what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec
from parfocal.core.known_types import known
from parfocal.streams import HEADER_DTYPE

Codec = Literal["blosc-lz4", "blosc-zstd", "none"]
Document = dict[str, Any]

IMAGE = "0"
HEADERS = "headers"
HEADER_COLUMNS = (*(HEADER_DTYPE.names or ()), "sequence")
"""What is kept of each frame: all that travelled with it, and its number in the stream."""
HEADER_CHUNK = 4096
NOT_STORED = -1
"""All columns of a frame that is not in the file."""

_SHARD_BYTES = 4 * 2**20
_FEWEST, _MOST = 8, 256
_BLOSC = {"blosc-lz4": ("lz4", 1), "blosc-zstd": ("zstd", 1)}
_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}


class FrameLayout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How frames lie in an image: one chunk for each frame, `shard_frames` chunks in a file.

    Examples
    --------
    >>> layout = FrameLayout.of(FrameSpec(shape=(512, 512), dtype="uint16"))
    >>> layout.shard_frames, layout.array_document(3)["shape"]
    (8, [3, 512, 512])
    >>> layout.shard_path(2)
    'c/2/0/0'
    """

    spec: FrameSpec
    shard_frames: int
    codec: Codec = "blosc-lz4"

    def __post_init__(self) -> None:
        order = [axis for axis in "czyx" if axis in self.spec.axes]
        if list(self.spec.axes) != order or order[-2:] != ["y", "x"]:
            raise BadInputError(f"axes {self.spec.axes!r} of a frame must be 'yx', 'zyx', 'cyx' or 'czyx'")
        dtype = np.dtype(self.spec.dtype)
        if dtype.kind not in "uifb" or not dtype.isnative:
            raise BadInputError(
                f"pixels of type {self.spec.dtype!r} have no name in Zarr; write 'uint8', 'uint16', ..."
            )
        if self.shard_frames < 1:
            raise BadInputError(f"shard_frames must be at least 1, not {self.shard_frames}")

    @classmethod
    def of(cls, spec: FrameSpec, *, codec: Codec = "blosc-lz4", most: int | None = None) -> FrameLayout:
        """Return the layout that suits `spec`: some megabytes a file, 8 frames or more, `most` at most."""
        frames = min(max(_SHARD_BYTES // spec.nbytes, _FEWEST), _MOST)
        return cls(spec=spec, shard_frames=frames if most is None else max(1, min(frames, most)), codec=codec)

    def shard_path(self, number: int) -> str:
        """Return where shard `number` of the pixels lies in their array, in a folder for each axis."""
        return "/".join(["c", str(number), *("0" for _ in self.spec.shape)])

    def array_document(self, length: int) -> Document:
        """Return ``zarr.json`` of the pixels of `length` frames."""
        frame = list(self.spec.shape)
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [length, *frame],
            "data_type": np.dtype(self.spec.dtype).name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [self.shard_frames, *frame]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": False if self.spec.dtype == "bool" else 0,
            "codecs": [self._sharding()],
            "dimension_names": ["t", *self.spec.axes],
            "attributes": {},
        }

    def headers_document(self, length: int) -> Document:
        """Return ``zarr.json`` of the headers of `length` frames: one row of integers for each."""
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [length, len(HEADER_COLUMNS)],
            "data_type": "int64",
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": [HEADER_CHUNK, len(HEADER_COLUMNS)]},
            },
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": NOT_STORED,
            "codecs": [_LITTLE],
            "dimension_names": ["t", "column"],
            "attributes": {"columns": list(HEADER_COLUMNS), "not_stored": NOT_STORED},
        }

    def group_document(self, name: str, interval_s: float | None = None) -> Document:
        """Return ``zarr.json`` of the image; `interval_s` is the time from frame to frame, if known."""
        size = self.spec.pixel_size_um
        image = multiscale(name, ("t", *self.spec.axes), {"t": interval_s, "y": size, "x": size})
        return self.image_group(image)

    def image_group(self, image: Document, **ome: Any) -> Document:
        """Return ``zarr.json`` of a group that holds the multiscale `image`, and `ome` beside it."""
        own = {"layout": msgspec.to_builtins(self), "headers": HEADERS}
        return group({"version": "0.5", "multiscales": [image], **ome}, own)

    @property
    def frame_codecs(self) -> list[Document]:
        """How the pixels of one frame are encoded."""
        return [_LITTLE, *self._compression()]

    def _sharding(self) -> Document:
        return {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [1, *self.spec.shape],
                "codecs": self.frame_codecs,
                "index_codecs": [_LITTLE, {"name": "crc32c"}],
                "index_location": "end",
            },
        }

    def _compression(self) -> list[Document]:
        if self.codec == "none":
            return []
        name, level = _BLOSC[self.codec]
        size = np.dtype(self.spec.dtype).itemsize
        shuffle = "shuffle" if size > 1 else "noshuffle"
        settings = {"cname": name, "clevel": level, "shuffle": shuffle, "typesize": size, "blocksize": 0}
        return [{"name": "blosc", "configuration": settings}]


def layout_in(group: Document) -> FrameLayout:
    """Return the layout that a group document was made from."""
    try:
        return msgspec.convert(group["attributes"]["parfocal"]["layout"], FrameLayout)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise BadInputError(f"this image was not written by parfocal: {error}") from error


def group(ome: Document | None = None, own: Document | None = None) -> Document:
    """Return ``zarr.json`` of a group with attributes of OME and of parfocal."""
    stated = {"ome": ome, "parfocal": own}
    attributes = {name: value for name, value in stated.items() if value is not None}
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}


def multiscale(
    name: str,
    axes: tuple[str, ...],
    steps: Mapping[str, float | None],
    origin: Mapping[str, float] = MappingProxyType({}),
) -> Document:
    """Return what OME-Zarr tells of an image's one resolution.

    Parameters
    ----------
    name : str
        Of the image.
    axes : tuple of str
        Of its pixels.
    steps : mapping of str to (float or None)
        From pixel to pixel along an axis, in micrometres or seconds; None or left out where it is not known.
    origin : mapping of str to float
        Where index 0 lies along an axis whose step is known, in the same units; 0 where it is left out.

    Examples
    --------
    >>> image = multiscale("left", ("y", "x"), {"y": 0.5, "x": 0.5}, {"x": 300.0})
    >>> image["datasets"][0]["coordinateTransformations"][1]
    {'type': 'translation', 'translation': [0.0, 300.0]}
    """
    moves: list[Document] = [{"type": "scale", "scale": [steps.get(axis) or 1.0 for axis in axes]}]
    if any(axis in origin for axis in axes):
        translation = [origin.get(axis, 0.0) for axis in axes]
        moves.append({"type": "translation", "translation": translation})
    datasets = [{"path": IMAGE, "coordinateTransformations": moves}]
    return {"name": name, "axes": [_axis(axis, steps.get(axis)) for axis in axes], "datasets": datasets}


def _axis(name: str, size: float | None) -> Document:
    axis = {"name": name, "type": _TYPES[name]}
    if size is not None:
        axis["unit"] = "second" if name == "t" else "micrometer"
    return axis


known(FrameLayout)
