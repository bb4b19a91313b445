"""What a process is called: by its service, or by its script."""

import subprocess
import sys

import pytest

from parfocal.processes import titles

ASK = "from parfocal.processes import titles; print(titles.this_program())"


@pytest.mark.parametrize(
    ("argument", "name"),
    [("/some/where/view.py", "view.py"), ("/x/parfocal/__main__.py", "parfocal"), ("", "python")],
)
def test_a_script_is_called_by_its_file(argument, name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [argument])
    assert titles.this_program() == name


def test_a_service_is_called_by_its_name():
    code = f"from parfocal.processes.titles import give_title; give_title('tweezers', 'tracker-1'); {ASK}"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "tracker-1"
    assert subprocess.check_output([sys.executable, "-c", ASK], text=True).strip() == "python"
