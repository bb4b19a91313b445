"""The journal of a run: what is on the disk, when, and what is read of a file that was torn or damaged."""

from __future__ import annotations

import errno
import logging
import os

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given

from parfocal.core.errors import BadInputError, StorageError
from parfocal.runs.engine import RunEngine
from parfocal.runs.event_log import DTYPE, SettledEvent
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.instruments.rig_facts import RigFacts
from parfocal.runs.journal import RunJournal
from parfocal.runs.journal_entries import (
    FILE_NAME,
    Announced,
    Began,
    Begun,
    JournalRequest,
    Replanned,
    Settled,
    may_repeat,
)
from parfocal.runs.journal_file import JournalFile, encoded, read_journal
from parfocal.runs.machine.tasks import Acquire, CallService, Decide, Expose, Hold
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.plans.service_call import ServiceCall
from parfocal.testing.clock import JumpClock
from parfocal.testing.instruments import MemoryInstruments

LOG = logging.getLogger("test journal")
PATIENCE_S = 30.0
ENTRIES = [
    Began(
        run="run1",
        at=1.5,
        plan={"type": "sequence"},
        request=JournalRequest(facts=RigFacts(axes={"x": (-float("inf"), float("inf"))})),
    ),
    Settled(0, b"row", 1),
    Announced(1),
    Begun(1),
    Settled(1, b"row", 1, mask_is_older=True),
    Replanned(first=2, plan={"type": "wait", "duration_s": 1.0}),
]
WHOLE = b"".join(encoded(entry) for entry in ENTRIES)


def stimulus(number=1):
    return Event(number=number, kind="stimulus", index={"t": 0})


def image(number=0):
    return Event(number=number, kind="image", index={"t": 0})


def done(event):
    return SettledEvent(event, "acquired", None, 0.0, 0.0, frames=1)


def kinds(folder):
    return [type(entry).__name__ for entry in read_journal(folder).entries]


@pytest.fixture
def journal(tmp_path):
    journal = RunJournal(Began(run="run1", at=0.0), LOG)
    yield journal
    journal.close(str(tmp_path))


@pytest.fixture
def synced(monkeypatch):
    """The sizes of the file at each moment at which it was brought to stable storage."""
    sizes = []
    monkeypatch.setattr(JournalFile, "sync", lambda self: sizes.append(os.fstat(self._file).st_size))
    return sizes


def test_what_is_written_is_read_back(tmp_path):
    file = JournalFile(tmp_path)
    file.append(map(encoded, ENTRIES))
    file.close()
    assert read_journal(tmp_path) == (ENTRIES, len(WHOLE))


@given(at=st.integers(0, len(WHOLE) - 1), rest=st.binary(max_size=20))
def test_a_torn_last_entry_is_left_out_and_cut_off_before_others_follow(tmp_path_factory, at, rest):
    folder = tmp_path_factory.mktemp("torn")
    (folder / FILE_NAME).write_bytes(WHOLE[:at] + rest)
    whole, size = read_journal(folder)
    assert whole == ENTRIES[: len(whole)]
    assert size <= at + len(rest)
    file = JournalFile(folder)
    file.append([encoded(Announced(9))])
    file.close()
    assert read_journal(folder).entries == [*whole, Announced(9)]


def test_a_damaged_entry_that_others_follow_is_refused(tmp_path):
    damaged = bytearray(WHOLE)
    damaged[len(encoded(ENTRIES[0])) + 10] ^= 0xFF
    (tmp_path / FILE_NAME).write_bytes(damaged)
    with pytest.raises(BadInputError, match=r"damaged at byte \d+.*which stimuli were fired"):
        read_journal(tmp_path)


def test_a_folder_without_a_journal_is_told(tmp_path):
    with pytest.raises(BadInputError, match="has no journal"):
        read_journal(tmp_path)


def test_a_stimulus_is_on_stable_storage_before_its_mask_is_waited_for_and_after_it_was_fired(
    journal, tmp_path, synced
):
    folder, event = str(tmp_path), stimulus()
    journal.before(Decide(event), folder)
    assert kinds(tmp_path) == ["Began", "Announced"]
    assert synced == [(tmp_path / FILE_NAME).stat().st_size]
    journal.before(Expose(event, "wanted"), folder)  # no mask of a stimulus waits for the disk
    assert kinds(tmp_path)[2:] == ["Begun"]
    assert len(synced) == 1
    journal.settled(done(event))
    journal.before(Hold(), folder)
    assert kinds(tmp_path)[3:] == ["Settled"]
    assert synced[1:] == [(tmp_path / FILE_NAME).stat().st_size]


def test_a_stimulus_that_follows_an_image_is_on_stable_storage_before_that_is_taken(
    journal, tmp_path, synced
):
    folder, event = str(tmp_path), stimulus()
    journal.before(Expose(image(event.number - 1)), folder, event)
    assert kinds(tmp_path) == ["Began", "Announced"]
    assert synced == [(tmp_path / FILE_NAME).stat().st_size]
    journal.settled(done(image(event.number - 1)))
    journal.before(Decide(event), folder)
    journal.before(Expose(event, "wanted"), folder)
    assert kinds(tmp_path)[2:] == ["Settled", "Begun"]
    assert len(synced) == 1, "nothing between an image and its stimulus waits for the disk"


def test_what_is_no_stimulus_is_announced_when_it_begins(journal, tmp_path):
    acquisition = Event(number=1, kind="acquire", count=5)
    journal.before(Expose(image()), str(tmp_path), acquisition)
    assert kinds(tmp_path) == ["Began"], "after a loss of power nobody could go on with it"
    journal.before(Acquire(acquisition, 5, None), str(tmp_path))
    assert kinds(tmp_path) == ["Began", "Announced", "Begun"]


def test_a_run_that_ends_says_that_what_was_announced_did_not_begin(journal, tmp_path, synced):
    journal.before(Expose(image()), str(tmp_path), stimulus(1))
    journal.settled(done(image()))
    journal.close(str(tmp_path))
    assert kinds(tmp_path) == ["Began", "Announced", "Settled", "EndedRun"]
    assert synced[-1] == (tmp_path / FILE_NAME).stat().st_size
    journal.close(str(tmp_path))
    assert len(kinds(tmp_path)) == 4


def test_images_are_written_and_nothing_waits_for_the_disk(journal, tmp_path, synced):
    for number in range(3):
        journal.before(Expose(image(number)), str(tmp_path))
        journal.settled(done(image(number)))
    journal.before(Hold(), str(tmp_path))
    assert kinds(tmp_path) == ["Began", "Settled", "Settled", "Settled"]
    assert len(synced) == 1  # at the begin


def test_a_call_is_done_once_unless_it_says_otherwise(journal, tmp_path):
    once = Event(number=0, kind="call", call=ServiceCall(service="force", command="ramp"))
    again = Event(number=1, kind="call", call=ServiceCall(service="force", command="look", may_repeat=True))
    assert (may_repeat(once), may_repeat(again)) == (False, True)
    journal.before(CallService(again), str(tmp_path))
    assert kinds(tmp_path) == ["Began"]
    journal.before(CallService(once), str(tmp_path))
    assert kinds(tmp_path) == ["Began", "Announced", "Begun"]


def test_an_event_that_another_has_the_place_of_is_announced_again(journal, tmp_path):
    journal.before(Decide(stimulus(1)), str(tmp_path))
    journal.replanned(1, {}, None)
    journal.before(Decide(stimulus(1)), str(tmp_path))
    assert kinds(tmp_path) == ["Began", "Announced", "Replanned", "Announced"]


def test_a_plan_that_is_replaced_while_an_event_is_announced_has_its_own_announced(
    journal, tmp_path, monkeypatch
):
    append = JournalFile.append

    def replaced_meanwhile(file, entries):
        append(file, entries)
        journal.replanned(1, {}, None)

    with monkeypatch.context() as patched:
        patched.setattr(JournalFile, "append", replaced_meanwhile)
        journal.before(Expose(image(), "none"), str(tmp_path), stimulus(1))
    journal.before(Expose(stimulus(1), "wanted"), str(tmp_path))
    assert kinds(tmp_path) == ["Began", "Announced", "Replanned", "Announced", "Begun"]


def test_a_stimulus_does_not_begin_while_the_disk_is_full_and_what_was_noted_comes_later(
    journal, tmp_path, monkeypatch, caplog
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(JournalFile, "append", full)
        journal.settled(done(image(0)))
        journal.before(Expose(image(1)), str(tmp_path))
        journal.before(Expose(image(2)), str(tmp_path), stimulus(3))
        with pytest.raises(StorageError, match="event 3 was not begun"):
            journal.before(Expose(stimulus(3)), str(tmp_path))
    assert caplog.text.count("can't be written") == 1
    journal.before(Hold(), str(tmp_path))
    assert kinds(tmp_path) == ["Began", "Settled", "Announced", "Announced", "Begun"]


def test_the_engine_keeps_its_journal_through_a_changed_plan(tmp_path):
    clock = JumpClock()
    plan = Sequence(
        time_plan={"interval": 1, "loops": 2}, stim_channels=["blue"], stim_frames=[1], stim_exposure=5
    )
    instruments = MemoryInstruments(clock, folder=str(tmp_path))
    run = RunEngine(
        RunStart(run="run1", plan={}),
        Schedule(plan),
        instruments,
        clock=clock,
        log=LOG,
        journal=RunJournal(Began(run="run1", at=0.0), LOG),
    )
    run.extend(Sequence())
    run.start()
    assert run.join(PATIENCE_S)
    entries = read_journal(tmp_path).entries
    assert [type(entry).__name__ for entry in entries] == [
        *("Began", "Replanned", "Settled", "Announced", "Settled", "Begun", "Settled", "Settled")
    ]
    rows = np.concatenate(
        [np.frombuffer(entry.row, DTYPE) for entry in entries if isinstance(entry, Settled)]
    )
    assert rows["number"].tolist() == [0, 1, 2, 3]
    assert msgspec.structs.asdict(entries[3]) == {"number": 2}
