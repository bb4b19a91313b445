from __future__ import annotations

import asyncio
import gc
import inspect
import os
import pydoc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import (
    BadArgumentsError,
    BadInputError,
    CancelledError,
    CommandFailedError,
    DeadlineError,
    ServiceUnavailableError,
    UnknownCommandError,
)
from parfocal.ipc import Call, Client, CommandTable, Server, ServiceProxy
from parfocal.testing.clock import ManualClock

from .bench import LONG_S, Bench, Reading, bench_server


def finished(call: Call) -> threading.Event:
    event = threading.Event()
    call.add_done_callback(lambda _: event.set())
    return event


def test_a_call_gives_its_result(client: Client) -> None:
    assert client.call("add", 1) == 2.0
    assert client.call("add", 1, b=4, note="x") == 5.0
    reading = client.call("reading", {"channel": "a", "volts": 1.5}, path="x/y", returns=Reading)
    assert reading == Reading("a", 3.0)


def test_who_serves_and_what(client: Client) -> None:
    hello = client.hello(LONG_S)
    assert (hello.service, hello.pid, hello.details) == ("bench", os.getpid(), {"serial": 7})
    assert "scan" in [info.name for info in client.commands(LONG_S)]
    assert client.ping(LONG_S) < LONG_S


@pytest.mark.parametrize("dtype", ["uint8", "<u2", "<f4", "<f8", "<c8", "bool"])
def test_arrays_travel(client: Client, dtype: str) -> None:
    data = client.call("give", dtype, (3, 4))["data"]
    assert data.dtype == np.dtype(dtype)
    assert (data == np.arange(12).astype(dtype).reshape(3, 4)).all()
    data[0, 0] = 1  # it is the caller's own


def test_rows_and_large_arrays_travel(client: Client) -> None:
    assert client.call("rows")["x_px"].tolist() == [2.5, 4.5]
    image = np.random.default_rng(1).random((600, 700))
    assert (client.call("scale", image[::2, ::3], 2.0) == image[::2, ::3] * 2).all()


def test_an_error_tells_where_and_why(client: Client) -> None:
    with pytest.raises(CommandFailedError, match=r"bench\.fail raised RuntimeError: no film") as caught:
        client.call("fail", "film")
    error = caught.value
    assert (error.service, error.command, error.remote_type) == ("bench", "fail", "RuntimeError")
    assert 'raise RuntimeError(f"no {what}")' in error.remote_traceback
    assert error.remote_traceback in "".join(error.__notes__)


@pytest.mark.parametrize(
    ("command", "arguments", "kind"),
    [
        ("add", ("one",), BadArgumentsError),
        ("limited", (101,), BadArgumentsError),
        ("scale", ([["x"]], 1.0), BadArgumentsError),
        ("add", (threading.Lock(),), BadArgumentsError),
        ("ad", (1,), UnknownCommandError),
        ("unsendable", (), CommandFailedError),
        ("leave", (), CommandFailedError),
    ],
)
def test_refusals_are_typed_and_harmless(
    client: Client, bench: Bench, command: str, arguments: tuple[Any, ...], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        client.call(command, *arguments)
    assert bench.log == []
    assert client.call("add", 1) == 2.0


def test_a_lane_keeps_its_order_and_holds_up_no_other(client: Client, bench: Bench) -> None:
    held = client.submit("hold")
    notes = [client.submit("note", str(k)) for k in range(50)]
    assert bench.entered.acquire(timeout=LONG_S)
    assert client.call("add", 1) == 2.0  # another lane
    assert not held.done()
    assert client.call("stop") == "stopped"
    assert held.result(LONG_S) == "held"
    for note in notes:
        note.result(LONG_S)
    assert bench.log[1:] == [str(k) for k in range(50)]


def test_a_slow_command_of_the_main_lane_holds_up_no_other_lane(client: Client, bench: Bench) -> None:
    for _ in range(3):
        bench.gate.clear()
        held = client.submit("hold_main")
        behind = [client.submit("thread") for _ in range(3)]
        assert bench.entered.acquire(timeout=LONG_S)
        client.ping(LONG_S)
        client.submit("note", "other lane").result(LONG_S)
        assert client.submit("thread").cancel("enough") == "queued"
        assert not held.done()
        assert client.call("stop") == "stopped"
        threads = {call.result(LONG_S) for call in [held, *behind]}
        assert threads == {"bench:main"}  # a lane keeps its thread, whoever receives meanwhile
        assert client.call("reset_log") == ["other lane", "held", "thread", "thread", "thread"]


def test_the_receiver_runs_what_is_declared_for_it_whatever_the_lanes_do(
    client: Client, bench: Bench
) -> None:
    held = [client.submit("hold"), client.submit("hold_main")]
    for _ in held:
        assert bench.entered.acquire(timeout=LONG_S)
    assert client.call("receiver", timeout_s=LONG_S) == "bench:receiver"
    assert not any(call.done() for call in held)


def test_cancel_says_what_it_found(client: Client, bench: Bench) -> None:
    held = client.submit("hold")
    queued = client.submit("note", "never")
    scan = client.submit("scan")
    for _ in range(2):
        assert bench.entered.acquire(timeout=LONG_S)
    assert queued.cancel("changed my mind") == "queued"
    assert scan.cancel("enough") == "running"
    with pytest.raises(CancelledError, match="changed my mind") as caught:
        queued.result(LONG_S)
    assert (caught.value.phase, caught.value.reason) == ("queued", "changed my mind")
    with pytest.raises(CancelledError, match="enough") as caught:
        scan.result(LONG_S)
    assert caught.value.phase == "running"
    assert bench.log == ["safe"]
    assert scan.cancel("again") == "finished"
    bench.gate.set()
    assert held.result(LONG_S) == "held"
    assert client.call("reset_log") == ["safe"]  # "never" never ran


def test_a_cancel_that_waits_for_no_answer(client: Client, bench: Bench) -> None:
    scan = client.submit("scan")
    assert bench.entered.acquire(timeout=LONG_S)
    scan.cancel_soon("in a hurry")
    with pytest.raises(CancelledError, match="in a hurry"):
        scan.result(LONG_S)
    scan.cancel_soon("again")


def test_a_cancel_right_before_the_end_of_a_client_is_heard(
    folder: Path, client: Client, bench: Bench
) -> None:
    """Not only that the client is gone: whoever else waits for the call hears of the cancel."""
    for _ in range(20):
        with Client(folder, "bench") as leaving:
            scan = leaving.submit("scan")
            assert bench.entered.acquire(timeout=LONG_S)
            followed = client.attach_call(scan.id)
            client.ping(LONG_S)  # it is followed
            scan.cancel_soon("in a hurry")
        with pytest.raises(CancelledError, match="in a hurry"):
            followed.result(LONG_S)


def test_expired_calls_do_not_run(client: Client, server: Server, bench: Bench) -> None:
    held = client.submit("hold")
    assert bench.entered.acquire(timeout=LONG_S)
    late = [client.submit("note", "late", timeout_s=0.01) for _ in range(20)]
    for call in late:
        assert isinstance(call.exception(LONG_S), DeadlineError)
    client.ping(LONG_S)
    bench.gate.set()
    held.result(LONG_S)
    client.submit("note", "last").result(LONG_S)
    assert bench.log == ["last"]
    assert client.statistics().late == 20
    assert client.statistics().expired == 20
    assert server.statistics().outcomes["DeadlineError"] == 20


@pytest.fixture
def timed(folder: Path, bench: Bench) -> Iterator[tuple[ManualClock, Client]]:
    """A clock that the test moves, and a client and a service that go by it."""
    clock = ManualClock(monotonic_ns=10**9)
    with bench_server(bench, folder, clock), Client(folder, "bench", clock=clock) as client:
        yield clock, client


def both_look(client: Client) -> None:
    """Have the service look at its clock and send what is due, and the client at its own."""
    for _ in range(2):  # what the service sends after its first answer comes before the second
        client.ping(None)


def test_a_running_call_ends_at_its_deadline(timed: tuple[ManualClock, Client], bench: Bench) -> None:
    clock, client = timed
    scan = client.submit("scan", timeout_s=2.0)
    assert bench.entered.acquire(timeout=LONG_S)
    clock.advance(2.0)
    with pytest.raises(DeadlineError, match=r"bench\.scan ran past its deadline"):
        scan.result(LONG_S)  # in the service's own words
    assert bench.ended.acquire(timeout=LONG_S)


def test_a_deadline_says_what_became_of_the_call(timed: tuple[ManualClock, Client], bench: Bench) -> None:
    clock, client = timed
    held = client.submit("hold")
    unknown = client.submit("hold_main", timeout_s=2.0)
    for _ in (held, unknown):
        assert bench.entered.acquire(timeout=LONG_S)
    late = client.submit("note", "late", timeout_s=2.0)
    both_look(client)
    clock.advance(1.0)
    both_look(client)  # beats tell who holds the lane, twice a second
    clock.advance(1.5)
    both_look(client)
    with pytest.raises(DeadlineError, match="may still run"):
        unknown.result(LONG_S)
    with pytest.raises(
        DeadlineError,
        match=r"bench\.note gave no result .* queued behind bench\.hold, which has run .* and will not run",
    ):
        late.result(LONG_S)
    bench.gate.set()
    held.result(LONG_S)


def test_waiting_less_does_not_end_the_call(client: Client, bench: Bench) -> None:
    held = client.submit("hold")
    with pytest.raises(DeadlineError, match="still waiting"):
        held.result(0.01)
    bench.gate.set()
    assert held.result(LONG_S) == "held"


def test_progress_is_heard_while_somebody_waits_for_the_result(client: Client, bench: Bench) -> None:
    assert client.call("add", 1) == 2.0  # the connection stands
    call = client.submit("announce")
    call.on_progress(lambda _: bench.gate.set())  # only this lets the call end
    assert call.result(LONG_S) == "announced"


def test_progress_that_came_before_anybody_asked_is_told(client: Client, bench: Bench) -> None:
    call = client.submit("announce")
    never = threading.Event()
    while call.progress is None:
        never.wait(0.001)
    heard: list[float] = []
    call.on_progress(lambda progress: (heard.append(progress.fraction), bench.gate.set()))
    assert call.result(LONG_S) == "announced"
    assert heard == [0.5]


def test_progress_with_data_comes_before_the_end(client: Client, bench: Bench) -> None:
    heard: list[Any] = []
    call = client.submit("report", 3)
    call.on_progress(heard.append)
    call.add_done_callback(heard.append)
    ended = finished(call)
    bench.gate.set()
    assert ended.wait(LONG_S)
    assert [(step.fraction, step.text, step.data.tolist()) for step in heard[:-1]] == [
        (1 / 3, "step 0", [0] * 4),
        (2 / 3, "step 1", [1] * 4),
        (1.0, "step 2", [2] * 4),
    ]
    assert heard[-1] is call
    assert call.progress is heard[-2]


def test_callbacks_may_call(client: Client) -> None:
    results: list[Any] = []
    done = threading.Event()

    def follow(call: Call) -> None:
        results.append(client.call("add", int(call.result())))
        done.set()

    client.submit("add", 1).add_done_callback(follow)
    assert done.wait(LONG_S)
    assert results == [3.0]


def test_a_failing_callback_is_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    call = client.submit("add", 1)
    call.add_done_callback(lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    assert finished(call).wait(LONG_S)
    assert "of bench.add: done> failed" in caplog.text
    assert client.call("add", 1) == 2.0


def test_calls_are_awaited(client: Client, bench: Bench) -> None:
    async def several() -> list[Any]:
        return await asyncio.gather(*(client.submit("add", k) for k in range(20)))  # type: ignore[arg-type]

    async def give_up() -> None:
        async def scan() -> Any:
            return await client.submit("scan")

        task = asyncio.create_task(scan())
        await asyncio.to_thread(bench.entered.acquire, True, LONG_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(bench.ended.acquire, True, LONG_S)

    assert asyncio.run(several()) == [k + 1.0 for k in range(20)]
    asyncio.run(give_up())


def test_many_threads_share_a_client(client: Client) -> None:
    wrong: list[int] = []

    def work(first: int) -> None:
        calls = {value: client.submit("echo", value) for value in range(first, first + 100)}
        wrong.extend(v for v in range(first, first + 100) if client.call("echo", v)[0] != v)
        wrong.extend(v for v, call in calls.items() if call.result(LONG_S)[0] != v)

    workers = [threading.Thread(target=work, args=(k * 1000,)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []
    assert client.statistics().open == 0


def test_a_result_can_be_fetched_by_another_client(client: Client, folder: Path, bench: Bench) -> None:
    done = client.submit("add", 1)
    assert done.result(LONG_S) == 2.0
    held = client.submit("hold")
    assert bench.entered.acquire(timeout=LONG_S)
    with Client(folder, "bench") as other:
        assert other.attach_call(done.id).result(LONG_S) == 2.0
        again = other.attach_call(held.id)
        bench.gate.set()
        assert again.result(LONG_S) == "held"
        with pytest.raises(UnknownCommandError, match="nobody-1"):
            other.attach_call("nobody-1").result(LONG_S)
    assert held.result(LONG_S) == "held"


def test_calls_of_a_client_that_closes_end_by_policy(folder: Path, server: Server, bench: Bench) -> None:
    with Client(folder, "bench") as client:
        scan, record = client.submit("scan"), client.submit("record")
        for _ in range(2):
            assert bench.entered.acquire(timeout=LONG_S)
    assert isinstance(scan.exception(0), CancelledError)
    assert bench.ended.acquire(timeout=LONG_S)  # cancelled
    with Client(folder, "bench") as other:
        attached = other.attach_call(record.id)
        bench.gate.set()
        assert attached.result(LONG_S) == "recorded"  # finished


def test_closing_the_server_answers_everything(folder: Path, bench: Bench) -> None:
    with Client(folder, "bench") as client:
        with bench_server(bench, folder):
            scan = client.submit("scan")
            assert bench.entered.acquire(timeout=LONG_S)
            queued = client.submit("scan")
            client.ping(LONG_S)
        for call in (scan, queued):
            with pytest.raises(ServiceUnavailableError, match=r"bench\.scan .*the service is closing"):
                call.result(LONG_S)
        with pytest.raises(ServiceUnavailableError):
            client.call("add", 1)
        with bench_server(bench, folder):
            assert client.call("add", 1) == 2.0


def test_the_next_service_takes_a_call_though_the_end_of_the_last_was_not_noticed(
    folder: Path, bench: Bench
) -> None:
    with Client(folder, "bench") as client:
        with bench_server(bench, folder):
            assert client.call("add", 1) == 2.0
            held_up, go_on = threading.Event(), threading.Event()
            client._receiver._post(lambda: (held_up.set(), go_on.wait(LONG_S)))  # type: ignore[arg-type, return-value]
            assert held_up.wait(LONG_S)
        with bench_server(bench, folder):
            call = client.submit("add", 1)
            go_on.set()
            assert call.result(LONG_S) == 2.0


def test_one_name_is_served_once(folder: Path, server: Server) -> None:
    with pytest.raises(BadInputError, match="served already"):
        Server(CommandTable.of(Bench()), folder, "bench").start()


def test_bad_places_are_refused(folder: Path) -> None:
    folder.chmod(0o755)
    with pytest.raises(BadInputError, match="chmod 700"):
        Server(CommandTable.of(Bench()), folder, "bench").start()
    with pytest.raises(BadInputError, match="letters"):
        Client(folder, "../bench")
    with pytest.raises(BadInputError, match="shorter folder"):
        Client(folder / ("x" * 120), "bench")


def test_lanes_of_the_host(folder: Path) -> None:
    jobs: list[Any] = []
    arrived = threading.Event()

    class Loop:
        def submit(self, job: Any) -> None:
            jobs.append(job)
            arrived.set()

    with (
        Server(CommandTable.of(Bench()), folder, "bench", executors={"main": Loop()}),
        Client(folder, "bench") as client,
    ):
        call = client.submit("add", 1)
        assert arrived.wait(LONG_S)
        assert not call.done()
        jobs.pop()()
        assert call.result(LONG_S) == 2.0


def test_a_proxy_looks_like_the_service(client: Client) -> None:
    proxy = ServiceProxy(client)
    assert proxy.add(1, b=2) == 3.0
    assert proxy.submit("add", 1).result(LONG_S) == 2.0
    assert "scan" in dir(proxy)
    assert proxy.ping() < LONG_S


def test_a_method_of_a_proxy_has_the_signature_and_docstring_of_its_command(client: Client) -> None:
    add = ServiceProxy(client).add
    assert str(inspect.signature(add)) == (
        "(a: int, b: float = 1.0, *, note: str = '', timeout_s: float | None = None) -> float"
    )
    assert inspect.getdoc(add) == "Add two numbers.\n\nThe note goes into the log."
    page = pydoc.plain(pydoc.render_doc(add))
    assert "add(a: int, b: float = 1.0, *, note: str = ''" in page
    assert "The note goes into the log." in page


def test_a_misspelt_command_is_refused_before_it_is_called(client: Client, bench: Bench) -> None:
    proxy = ServiceProxy(client)
    with pytest.raises(UnknownCommandError, match="no command 'ad'; did you mean 'add'"):
        proxy.ad  # noqa: B018 - not even called
    assert not hasattr(proxy, "shape")
    assert hasattr(proxy, "scan")


def test_a_proxy_of_a_service_that_is_away_tells_so_when_called(folder: Path) -> None:
    with Client(folder, "bench") as client:
        add = ServiceProxy(client).add
        with pytest.raises(ServiceUnavailableError, match="no service 'bench' answers"):
            add(1)


def test_a_cancelled_call_says_so(client: Client, bench: Bench) -> None:
    call = client.submit("scan")
    assert bench.entered.acquire(timeout=LONG_S)
    call.cancel("enough")
    assert isinstance(call.exception(LONG_S), CancelledError)
    assert repr(call).endswith("of bench.scan: cancelled>")


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_nothing_is_left_open(folder: Path) -> None:
    def once() -> None:
        with bench_server(Bench(), folder), Client(folder, "bench") as client:
            assert client.submit("add", 1).result(LONG_S) == 2.0
        with Client(folder, "bench") as client, pytest.raises(ServiceUnavailableError):
            client.call("add", 1)

    once()  # the shared context stays
    gc.collect()
    before = open_descriptors(), threading.active_count()  # of which some may be about to close
    for _ in range(5):
        once()

    def nothing_more() -> bool:
        return open_descriptors() <= before[0] and threading.active_count() <= before[1]

    assert poll_until(nothing_more, LONG_S), "zmq closes sockets in a thread of its own"
