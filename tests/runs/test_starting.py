"""What a run is made of, without a rig: its instruments are in memory."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.run_status import RunForecast
from parfocal.runs.conditions.watch_maker import WatchMaker
from parfocal.runs.engine import RunEngine
from parfocal.runs.examining import ExaminedRequest
from parfocal.runs.forecast.device_times import DeviceTimes
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.instruments.rig_facts import RigFacts
from parfocal.runs.journal import RunJournal
from parfocal.runs.journal_entries import Began
from parfocal.runs.machine.counts import EventCounts
from parfocal.runs.making import RunMaker
from parfocal.runs.pipeline.pipeline import Pipeline
from parfocal.runs.pipeline.plan_check import check_plan
from parfocal.runs.pipeline.request import PipelineRequest
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.plans.survey import survey
from parfocal.runs.prepared import StartRequest
from parfocal.runs.run_table import KnownRun
from parfocal.runs.settings import RunSettings
from parfocal.runs.starting import RunStarter
from parfocal.streams import StreamWriter
from parfocal.testing.analysis import MEMORY_FRAMES
from parfocal.testing.instruments import MemoryInstruments


def scan(loops):
    return Sequence(time_plan={"interval": 0, "loops": loops}, channels=["green"])


def examined(request, plan):
    instruments = MemoryInstruments(SYSTEM_CLOCK)
    instruments.facts, instruments.records = RigFacts(), False
    schedule = Schedule(plan)
    return ExaminedRequest(
        instruments=instruments,
        plan=plan_to_data(plan),
        needs_origin=frozenset(),
        schedule=schedule,
        done=EventCounts(),
        wanted=survey(schedule.events(), {}),
        declared=DeviceTimes(),
        times=DeviceTimes(),
        settings=RunSettings(camera="camera"),
        interlocks=(),
        for_pipeline=check_plan(schedule.events(), request.pipeline),
    )


def test_steps_are_told_the_time_points_of_the_plan_as_it_is_now(tmp_path):
    context = SimpleNamespace(
        streams=tmp_path,
        clock=SYSTEM_CLOCK,
        log=logging.getLogger("test starting"),
        service="runs",
        rig="lab",
    )
    settings = RunSettings(camera="camera")
    maker = RunMaker(
        context, lambda: settings, None, WatchMaker(context), lambda _: None, None, MeasuredTimes()
    )
    plan = scan(3)
    steps = Pipeline(segment="parfocal.testing.steps:bright")
    request = StartRequest(
        plan=plan_to_data(plan), name="scan", by_force=True, pipeline=PipelineRequest(pipeline=steps)
    )
    with StreamWriter(tmp_path, "camera", MEMORY_FRAMES, 4):
        engine = maker.make(request, examined(request, plan), None, RunForecast()).engine
    assert engine.analysis._time_points() == 3
    engine.extend(scan(2))
    assert engine.analysis._time_points() == 5
    engine.replace_future(scan(1))
    assert engine.analysis._time_points() == 1


def test_a_run_is_gone_on_with_once_its_journal_is_closed():
    closing, may_close = threading.Event(), threading.Event()

    class SlowJournal(RunJournal):
        def close(self, folder):
            closing.set()
            assert may_close.wait(60)
            super().close(folder)

    engine = RunEngine(
        RunStart(run="scan", plan={}),
        Schedule(scan(2)),
        MemoryInstruments(SYSTEM_CLOCK),
        clock=SYSTEM_CLOCK,
        log=logging.getLogger("test starting"),
        journal=SlowJournal(Began(run="scan", at=0.0), logging.getLogger("test starting")),
    )
    engine.start()
    assert closing.wait(60)
    assert engine.has_ended
    earlier = []
    goes_on = threading.Thread(
        target=lambda: earlier.append(RunStarter._earlier(None, KnownRun(engine, None)))
    )
    goes_on.start()
    goes_on.join(0.1)
    assert not earlier, "both would write to one file"
    may_close.set()
    goes_on.join(60)
    assert earlier[0].counts.acquired == 2
