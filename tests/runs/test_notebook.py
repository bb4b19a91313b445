"""A handle in a notebook, with IPython's own interface in place of IPython, which nobody has to have."""

from __future__ import annotations

import queue
import sys
from types import ModuleType, SimpleNamespace

import pytest

from parfocal.runs.handle import RunHandle

LONG_S = 30.0


@pytest.fixture
def shown(monkeypatch) -> queue.Queue[str]:
    """What a notebook shows, in order: the line, and each change of it."""
    shown: queue.Queue[str] = queue.Queue()

    def display(html: str, display_id: bool) -> SimpleNamespace:
        assert display_id
        shown.put(html)
        return SimpleNamespace(update=shown.put)

    pages, shell = ModuleType("IPython.display"), ModuleType("IPython.core.getipython")
    vars(pages).update(HTML=str, display=display)
    vars(shell).update(get_ipython=lambda: SimpleNamespace(kernel=True))
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.core", ModuleType("IPython.core"))
    monkeypatch.setitem(sys.modules, "IPython.core.getipython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", pages)
    return shown


def test_a_notebook_shows_a_line_that_follows_the_run_to_its_end(fake, watch, shown):
    fake.change("run1", state="running", events_total=3)
    handle = RunHandle("run1", watch)
    handle._ipython_display_()
    assert "run1" in shown.get(timeout=LONG_S)
    while "running" not in shown.get(timeout=LONG_S):
        pass
    fake.end("run1", "complete", events_acquired=3)
    while "complete" not in (line := shown.get(timeout=LONG_S)):
        pass
    assert "3 of 3 events" in line


def test_a_terminal_shows_the_line_of_now(fake, watch, shown, monkeypatch, capsys):
    shell = sys.modules["IPython.core.getipython"]
    monkeypatch.setattr(shell, "get_ipython", lambda: SimpleNamespace())
    RunHandle("run1", watch)._ipython_display_()
    assert capsys.readouterr().out.startswith("<RunHandle 'run1'")
    assert shown.empty()
