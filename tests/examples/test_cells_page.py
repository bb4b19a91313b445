"""The page "cells in images": its Python, as a newcomer would paste it."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "cells.md").read_text(encoding="utf-8")


def test_its_cells_keep_their_numbers_and_two_are_lit(capsys):
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(snippet, "cells.md", "exec"), {})
    lines = [line.split(" [") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == ["0", "1", "2"]
    assert [line[1] for line in lines] == ["0, 1, 2, 3]"] * 3
    assert [line[2].split("]")[0] for line in lines] == [
        "50.0, 200.0, 90.0, 220.0", "58.0, 208.0, 98.0, 228.0", "66.0, 216.0, 106.0, 236.0",
    ]  # fmt: skip
    assert all(int(line[2].split("] ")[1]) > 20 for line in lines)
