"""A recorded table as one structured array, for whoever computes with numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.storage.tables import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_array(folder: Path) -> NDArray[Any]:
    """Return all rows of a table as a structured array, a copy in memory; see `read_rows`.

    Raises
    ------
    BadInputError
        If there is no table at `folder`.
    """
    table = read_rows(folder)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    rows = np.empty(table.num_rows, [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        rows[name] = column
    return rows
