"""What is sent to a viewer: once to each process, and anew only to the successor of one that ended."""

from __future__ import annotations

import threading

from parfocal.core.clock import poll_until
from parfocal.core.errors import CommandFailedError, DeadlineError, ServiceUnavailableError
from parfocal.viewers.outbox import Job, Outbox
from parfocal.viewers.tickets import Ticket

PATIENCE_S = 60.0


class SlowCall:
    """A call that is still waited for, until `answers` says how it ended."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.withdrawn = threading.Event()

    def result(self, timeout_s):
        """Return, or raise, the next answer; the last one again and again."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def withdraw(self, reason):
        """Take note of it."""
        self.withdrawn.set()


class Process:
    """A viewer's process, as its clients see it."""

    def __init__(self, *answers):
        self.calls = [SlowCall(each) for each in answers]
        self.sent = []
        self.asked = threading.Event()

    def submit(self, command, *arguments):
        """Take a job."""
        self.sent.append((command, arguments))
        self.asked.set()
        return self.calls[len(self.sent) - 1]


def ticket():
    return Ticket("1", lambda ticket, timeout_s: None)


def waiting():
    return DeadlineError("still waiting")


def test_a_viewer_that_answers_late_gets_a_click_once():
    late = Process([waiting(), waiting(), waiting(), (7,)])
    outbox, sent = Outbox("late", lambda: late), ticket()
    outbox.put(Job("pick", ("nuclei", 3.0, 4.0), sent, lambda: None))
    assert sent.received(PATIENCE_S) == (7,)
    assert late.sent == [("pick", ("nuclei", 3.0, 4.0))]
    outbox.close()


def test_one_that_ended_without_an_answer_has_a_successor_who_gets_it():
    ended, next_one = Process([ServiceUnavailableError("it has ended")]), Process([()])
    processes = [ended, next_one]
    outbox, sent = Outbox("ended", lambda: processes.pop(0) if processes else None), ticket()
    outbox.put(Job("show", (), sent, lambda: None))
    assert sent.received(PATIENCE_S) == ()
    assert (len(ended.sent), len(next_one.sent)) == (1, 1)
    outbox.close()


def test_what_stands_still_is_withdrawn_when_the_program_lets_go():
    still = Process([waiting()])
    undone = threading.Event()
    outbox, sent = Outbox("still", lambda: still), ticket()
    outbox.put(Job("show", (), sent, undone.set))
    assert still.asked.wait(PATIENCE_S)
    outbox.close()
    assert still.calls[0].withdrawn.is_set()
    assert undone.is_set()
    assert sent.state.startswith("failed: the viewer was closed")


def test_what_it_refuses_is_not_sent_again():
    picky = Process([CommandFailedError("viewer.pick raised BadInputError: no pane 'nucli'")])
    outbox, sent = Outbox("picky", lambda: picky), ticket()
    outbox.put(Job("pick", ("nucli",), sent, lambda: None))
    assert poll_until(lambda: sent.state.startswith("failed"), PATIENCE_S)
    outbox.close()
    assert sent.state == "failed: no pane 'nucli'"
    assert len(picky.sent) == 1
