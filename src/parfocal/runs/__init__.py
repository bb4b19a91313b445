"""Runs: what takes time is a plan, carried out by one engine, seen through one handle, kept in one record.

::

    Sequence, wait, acquire, call, combine ...    plans: frozen data, checked when they are made
             │
          Schedule ──── Event k                   what a run still has to do, one event at a time
             │
          machine ───── engine ───── handle       what follows from what; who does it; who watches it

A plan is compiled into a `Program` of sections, with what has no place between them; a section has a `Lane`
for each sequence, and a lane knows its events by number, so that none of them is listed.
"""

from __future__ import annotations

from parfocal.runs.conditions.condition import Condition
from parfocal.runs.conditions.interlocks import Interlock
from parfocal.runs.conditions.values import FreeDisk, Lag, Lock, OperatorAnswer, Reading, Rows, ServiceState
from parfocal.runs.pipeline.pipeline import Pipeline
from parfocal.runs.pipeline.step import Step
from parfocal.runs.plans.calls import call
from parfocal.runs.plans.combine import combine
from parfocal.runs.plans.conditional import respond, start_when, stop_when
from parfocal.runs.plans.elements import acquire, confirm, wait
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.field_of_view import at_field_of_view
from parfocal.runs.plans.origin import at_origin
from parfocal.runs.plans.plan import Plan
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.plan_files import load_plan, read_plan_file, save_plan
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence

__all__ = [
    "Condition",
    "Event",
    "FreeDisk",
    "Interlock",
    "Lag",
    "Lock",
    "OperatorAnswer",
    "Pipeline",
    "Plan",
    "Reading",
    "Rows",
    "Schedule",
    "Sequence",
    "ServiceState",
    "Step",
    "acquire",
    "at_field_of_view",
    "at_origin",
    "call",
    "combine",
    "confirm",
    "load_plan",
    "plan_from_data",
    "plan_to_data",
    "read_plan_file",
    "respond",
    "save_plan",
    "start_when",
    "stop_when",
    "wait",
]
