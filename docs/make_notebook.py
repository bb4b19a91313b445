"""Make tweezers.ipynb from tweezers.md: ``python docs/make_notebook.py`` after each change of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("tweezers.md")
PYTHON = re.compile(r"```python\n(.*?)```\n?", re.DOTALL)


def notebook_of(page: str) -> dict[str, Any]:
    """Return a notebook (nbformat 4.5): blocks of Python as cells of code, all between them as text."""
    parts = [(index % 2, part.strip("\n")) for index, part in enumerate(PYTHON.split(page))]
    cells = [_cell(f"cell-{number}", *part) for number, part in enumerate(parts) if part[1]]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(name: str, is_code: int, text: str) -> dict[str, Any]:
    cell = {"id": name, "metadata": {}, "source": text.splitlines(keepends=True)}
    if is_code:
        return {"cell_type": "code", "execution_count": None, "outputs": [], **cell}
    return {"cell_type": "markdown", **cell}


if __name__ == "__main__":
    text = json.dumps(notebook_of(PAGE.read_text(encoding="utf-8")), indent=1, ensure_ascii=False)
    PAGE.with_suffix(".ipynb").write_text(text + "\n", encoding="utf-8")
