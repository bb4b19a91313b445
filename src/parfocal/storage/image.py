"""Creates and opens an OME-Zarr image: its JSON documents, and its pixels through tensorstore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import AlreadyExistsError, BadInputError, FolderVanishedError
from parfocal.core.files import replace_file
from parfocal.storage.disk import storage_errors
from parfocal.storage.ome_zarr import NOT_STORED, Document, FrameLayout, layout_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

META = "zarr.json"
CHUNKS = "c"


def open_pixels(folder: Path, document: Document, **mode: Any) -> Any:
    """Return the array in `folder`, described by `document`, as tensorstore has it; nothing is cached."""
    import tensorstore

    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": folder.as_posix()},
        "metadata": {key: document[key] for key in document if key not in ("zarr_format", "node_type")},
        "assume_metadata": True,
        "context": {"file_io_sync": False, "cache_pool": {"total_bytes_limit": 0}},
    }
    with storage_errors(folder):
        return tensorstore.open(spec, **mode).result()


def read_document(folder: Path) -> Document:
    """Return the ``zarr.json`` of a group or an array; raises `BadInputError` if there is none."""
    try:
        document = msgspec.json.decode((folder / META).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise BadInputError(f"{folder} holds no frames: {error}") from error
    if not isinstance(document, dict):
        raise BadInputError(f"{folder} holds no frames: its {META} is no object")
    return document


def write_document(folder: Path, document: Document) -> None:
    """Replace the ``zarr.json`` of a group or an array in one step."""
    replace_file(folder / META, msgspec.json.encode(document))


def layout_of(image: Path) -> FrameLayout:
    """Return how frames lie in an image; raises `BadInputError` if parfocal did not write it."""
    return layout_in(read_document(image))


def refuse_existing(folder: Path) -> None:
    """Raise `AlreadyExistsError` if there is something at `folder`."""
    if folder.exists():
        raise AlreadyExistsError(f"{folder} exists; a recording is never overwritten, choose another name")


def check_present(array: Path) -> None:
    """Raise `FolderVanishedError` if the array's document is gone."""
    if not (array / META).exists():
        raise FolderVanishedError(f"the folder {array.parent} disappeared while it was written")


def check_frames(pixels: NDArray[Any], layout: FrameLayout, name: str) -> None:
    """Raise `BadInputError` if `pixels` (n, y, x) have not the shape and type of the image `name`."""
    spec = layout.spec
    if pixels.shape[1:] != spec.shape or pixels.dtype != np.dtype(spec.dtype):
        raise BadInputError(
            f"frames of shape {pixels.shape[1:]}, {pixels.dtype} do not fit into {name}, "
            f"which holds {spec.shape}, {spec.dtype}"
        )


def interval_s(headers: NDArray[np.void]) -> float | None:
    """Return the median time from frame to frame, or None where it is not known."""
    times = headers["time_ns"][headers["frame"] != NOT_STORED]
    steps = np.diff(times)
    steps = steps[steps > 0]
    return float(np.median(steps)) * 1e-9 if steps.size else None
