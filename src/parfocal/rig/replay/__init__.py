"""A recorded run decided once more: the same engine and steps, on a clock that nothing waits for.

::

    record ── events, images ── ReplayInstruments ─┐
           ── pipeline ──────── ReplayAnalysis ────┼── RunEngine ── decisions ── compared with the record
                                ReplayClock ───────┘
"""

from parfocal.rig.replay.replay import ReplayReport, replay

__all__ = ["ReplayReport", "replay"]
