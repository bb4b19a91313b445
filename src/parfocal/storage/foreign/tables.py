"""Tables that other programs have left with their images: Parquet, CSV, and AnnData in Zarr."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, MovieError
from parfocal.formats.zarr import attributes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Columns = dict[str, "NDArray[Any]"]
_FILES = (".parquet", ".csv")
_NUMBER = re.compile(r"^(\d+)(?:_|\.)")
_CALLED = {
    "t": ("t", "timestep", "frame", "time_point"),
    "p": ("p", "fov", "position_index"),
    "label": ("label", "cell_id"),
    "particle": ("particle", "track_id", "trackid"),
    "y_px": ("y_px", "y", "centroid_y", "centroid-0"),
    "x_px": ("x_px", "x", "centroid_x", "centroid-1"),
}
"""How others call the columns of tracks."""


def tables_in(group: Path) -> tuple[dict[str, Columns], dict[str, str]]:
    """Return the tables in the group `tables` of an image, by name; and why others can't be read.

    Each is a group of Zarr that says what it is (ngio's and Fractal's tables): with a file of Parquet or CSV
    in it, or as AnnData; or such a file by itself.
    """
    found: dict[str, Columns] = {}
    missing: dict[str, str] = {}
    for path in sorted(group.iterdir()) if group.is_dir() else ():
        if path.name.startswith(".") or (path.is_file() and path.suffix not in _FILES):
            continue
        try:
            found[path.stem if path.is_file() else path.name] = _table(path)
        except (BadInputError, MovieError, OSError, ValueError, KeyError) as error:
            missing[f"table {path.name}"] = str(error)
    return found, missing


def tables_beside(folder: Path) -> Columns:
    """Return the tables of all positions in a folder as one, such as ``tracks/000_latest.parquet``.

    A number at the begin of a file's name is the position, where no column tells it.

    Raises
    ------
    BadInputError
        If the columns differ from file to file.
    """
    parts: list[Columns] = []
    for path in sorted(path for path in folder.iterdir() if path.suffix in _FILES):
        columns = file_columns(path)
        number = _NUMBER.match(path.name)
        if number is not None and not set(_CALLED["p"]) & set(columns):
            columns["p"] = np.full(row_count(columns), int(number[1]))
        parts.append(columns)
    if not parts:
        return {}
    if any(set(part) != set(parts[0]) for part in parts):
        raise BadInputError(f"the tables in {folder} have different columns")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def file_columns(path: Path) -> Columns:
    """Return the columns of a file of Parquet or CSV that are numbers or text."""
    import pyarrow
    from pyarrow import csv, parquet

    try:
        table = csv.read_csv(path) if path.suffix == ".csv" else parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise BadInputError(f"{path}: {error}") from error
    columns = {str(name): table[name].to_numpy() for name in table.column_names}
    return {name: plain for name, values in columns.items() if (plain := _plain(values)) is not None}


def as_tracks(columns: Mapping[str, NDArray[Any]]) -> Columns | None:
    """Return columns of tracks with the names that ours have, first; None if they are none.

    Examples
    --------
    >>> found = as_tracks({"timestep": [0], "particle": [7], "y": [3.0], "x": [4.0], "area": [9]})
    >>> list(found)
    ['t', 'p', 'label', 'particle', 'y_px', 'x_px', 'area']
    """
    named = {ours: next((name for name in names if name in columns), "") for ours, names in _CALLED.items()}
    if not (named["t"] and named["y_px"] and named["x_px"] and (named["particle"] or named["label"])):
        return None
    length = row_count(columns)
    found: Columns = {}
    for ours, name in named.items():
        kind = np.float64 if ours.endswith("_px") else np.int64
        missing = 0 if ours == "p" else -1
        found[ours] = np.asarray(columns[name]).astype(kind) if name else np.full(length, missing, kind)
    others = {name: np.asarray(values) for name, values in columns.items() if name not in named.values()}
    return found | {name: values for name, values in others.items() if name not in found}


def as_rows(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.void]:
    """Return columns as a structured array (n,)."""
    rows = np.empty(row_count(columns), [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    return rows


def row_count(columns: Mapping[str, Any]) -> int:
    """Return how many rows a table has."""
    return len(next(iter(columns.values()), ()))


def _table(path: Path) -> Columns:
    if path.is_file():
        return file_columns(path)
    inside = sorted(file for file in path.iterdir() if file.suffix in _FILES)
    if inside:
        return file_columns(inside[0])
    told = attributes_of(path)
    if told.get("encoding-type") == "anndata" or (path / "X").is_dir():
        return _anndata(path)
    raise BadInputError(f"it is neither Parquet, CSV nor AnnData ({told.get('backend', 'untold')})")


def _anndata(path: Path) -> Columns:
    try:
        import zarr
    except ImportError as error:
        raise BadInputError(
            f"tables of AnnData are read through a package that is not here ({error}): pip install zarr"
        ) from error
    group: Any = zarr.open_group(path, mode="r")
    columns: Columns = {}
    numbered = str(group.attrs["index_key"]) if group.attrs.get("index_type") == "int" else ""
    for name, values in _obs(group["obs"]):
        if (plain := _plain(values)) is not None:
            columns[name] = plain.astype(np.int64) if name == numbered else plain
    names = np.asarray(group["var"][str(group["var"].attrs["_index"])][:]).tolist()
    values = group["X"]
    if not hasattr(values, "shape"):
        raise BadInputError("its X is sparse, which is not read")
    matrix = np.asarray(values[:])
    return columns | {str(name): matrix[:, place] for place, name in enumerate(names)}


def _obs(group: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the columns of what was observed; categories as what they stand for."""
    index = str(group.attrs["_index"])
    for name in (index, *group.attrs.get("column-order", ())):
        column = group[name]
        if hasattr(column, "shape"):
            yield str(name), np.asarray(column[:])
        elif "codes" in column and "categories" in column:
            known = np.asarray(column["categories"][:])
            yield str(name), known[np.asarray(column["codes"][:])]


def _plain(values: NDArray[Any]) -> NDArray[Any] | None:
    """Return numbers, truth values and text as they are; None of anything else."""
    if values.dtype.kind in "iufb":
        return values
    try:
        if all(isinstance(value, str) for value in values.tolist()):
            text: NDArray[Any] = np.array([*values.tolist(), ""], dtype=np.str_)[:-1]
            return text
    except TypeError:
        return None
    return None
