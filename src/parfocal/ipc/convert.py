"""Converts plain values to annotated types that msgspec does not know: arrays, numpy numbers, paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np


def from_plain(wanted: Any, value: Any) -> Any:
    """Make a value of the annotated type from the plain one that arrived; a hook of msgspec.

    An array annotated ``NDArray[np.float64]`` is converted if no value can change by it; lists become arrays.

    Raises
    ------
    ValueError
        If it cannot be one, naming both types.
    """
    kind = get_origin(wanted) or wanted
    if kind is np.ndarray and isinstance(value, np.ndarray | list):
        return _array(wanted, value)
    if isinstance(kind, type) and issubclass(Path, kind) and isinstance(value, str):
        return Path(value)
    if isinstance(kind, type) and issubclass(kind, np.generic) and isinstance(value, bool | int | float):
        try:
            return kind(value)
        except OverflowError as error:
            raise ValueError(f"Expected `{kind.__name__}`, got {value}") from error
    raise ValueError(f"Expected `{getattr(kind, '__name__', kind)}`, got `{type(value).__name__}`")


def _array(wanted: Any, value: Any) -> Any:
    array = np.asarray(value)
    dtype = _dtype(wanted)
    if dtype is None or array.dtype == dtype:
        return array
    lossless = np.can_cast(array.dtype, dtype, "safe")
    if not lossless and not (isinstance(value, list) and np.can_cast(array.dtype, dtype, "same_kind")):
        raise ValueError(f"Expected an array of {dtype}, got one of {array.dtype}")
    return array.astype(dtype)


def _dtype(wanted: Any) -> np.dtype[Any] | None:
    """Return the dtype in ``NDArray[np.float64]``; None if it leaves it open."""
    arguments = get_args(wanted)
    scalar = get_args(arguments[1])[:1] if len(arguments) > 1 else ()
    concrete = scalar and isinstance(scalar[0], type) and not scalar[0].__subclasses__()
    return np.dtype(scalar[0]) if concrete else None
