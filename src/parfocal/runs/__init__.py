"""Runs: what takes time is a plan, carried out by one engine, seen through one handle, kept in one record.

::

    Sequence, wait, confirm, acquire, combine     plans: frozen data, checked when they are made
             │
          Schedule ──── Event k                   what a run still has to do, one event at a time
             │
          machine ───── engine ───── handle       what follows from what; who does it; who watches it
"""

from __future__ import annotations

from parfocal.runs.event import Event

__all__ = ["Event"]
