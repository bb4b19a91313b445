"""What threads, interrupts, forks and strange results must not do to a client."""

from __future__ import annotations

import asyncio
import builtins
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from parfocal.core.errors import (
    BadInputError,
    CancelledError,
    CommandError,
    DeadlineError,
    ProtocolError,
    ServiceUnavailableError,
)
from parfocal.core.messages import Reply
from parfocal.ipc import (
    Client,
    CommandTable,
    Declared,
    Server,
    ServiceProxy,
    callbacks,
    command,
    command_endpoint,
    connection,
)
from parfocal.ipc.codec import encode
from parfocal.testing.forks import exit_code_of_fork

from .bench import LONG_S, Bench
from .conftest import Processes, stand_still


class Interrupts:
    """Raises `KeyboardInterrupt` in the main thread, once, some microseconds after `arm`; `due` until then.

    One that is raised in a finalizer goes no further, so whoever waits for it looks at `due`, too.
    """

    def __init__(self) -> None:
        self.count = 0
        self.due = False
        self._dice = random.Random(11)

    def __enter__(self) -> Interrupts:
        self._limit = signal.setitimer(signal.ITIMER_REAL, 0)  # that of the whole test
        self._before = signal.signal(signal.SIGALRM, self._raise)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)
        signal.setitimer(signal.ITIMER_REAL, *self._limit)

    def arm(self) -> None:
        self.due = True
        signal.setitimer(signal.ITIMER_REAL, self._dice.uniform(20e-6, 2e-3))

    def _raise(self, *_: object) -> None:
        self.count += 1
        self.due = False
        raise KeyboardInterrupt


def everything(client: Client, interrupts: Interrupts) -> None:
    """Use the client in all ways, until it is interrupted."""
    image = np.ones((8, 8))
    while interrupts.due:
        client.call("echo", 1)
        client.call("scale", image, 2.0)
        client.submit("wait_for_gate").cancel("enough")
        client.attach_call(client.submit("echo", 2).id).result(LONG_S)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that interrupts")
def test_ctrl_c_at_any_instant_leaves_the_client_usable(client: Client, bench: Bench) -> None:
    with Interrupts() as interrupts:
        while interrupts.count < 400:
            try:
                interrupts.arm()
                everything(client, interrupts)
            except KeyboardInterrupt:
                pass
    assert client.call("echo", 3, timeout_s=LONG_S)[0] == 3
    others = [threading.Thread(target=client.call, args=("echo", 4)) for _ in range(4)]
    for other in others:
        other.start()
    for other in others:
        other.join(LONG_S)
        assert not other.is_alive()
    bench.gate.set()  # for what was submitted, and interrupted before it was cancelled
    while client.statistics().open:  # calls that were interrupted are cancelled, and answered
        client.ping(LONG_S)


def test_an_interrupted_call_is_cancelled(client: Client, bench: Bench) -> None:
    def interrupt() -> None:
        assert bench.entered.acquire(timeout=LONG_S)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        client.call("scan")
    assert bench.ended.acquire(timeout=LONG_S)


def test_a_call_that_is_done_says_so_at_once_whatever_others_wait_for(client: Client, bench: Bench) -> None:
    waiting = threading.Thread(target=client.call, args=("hold",))  # until the gate opens
    waiting.start()
    assert bench.entered.acquire(timeout=LONG_S)
    call = client.submit("add", 1)
    told, done = threading.Event(), client.submit("add", 2)
    done.result(LONG_S)
    done.add_done_callback(lambda _: told.set())
    assert told.wait(LONG_S)

    async def both() -> list[Any]:
        return [await call, await done]

    assert asyncio.run(both()) == [2.0, 3.0]
    assert not bench.gate.is_set()
    bench.gate.set()
    waiting.join(LONG_S)


def test_awaiting_waits_for_no_callback(client: Client, bench: Bench) -> None:
    client.submit("add", 1).add_done_callback(lambda _: bench.gate.wait(LONG_S))

    async def one() -> Any:
        return await client.submit("add", 2)

    assert asyncio.run(one()) == 3.0
    bench.gate.set()


@dataclass(frozen=True)
class Odd:
    """Says of itself that it lives in another module."""

    number: int


class OddService:
    @command(effect="reads")
    def odd(self) -> Odd:
        return Odd(1)

    @command(effect="reads")
    def even(self) -> int:
        return 2


@pytest.fixture
def odd(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Client, Path]]:
    """A client of a service whose result is declared in a module that tests write."""
    name = f"odd_{tmp_path.name}".replace("-", "_")
    monkeypatch.setattr(Odd, "__module__", name)
    monkeypatch.syspath_prepend(tmp_path)
    with Server(CommandTable.of(OddService()), folder, "odd"), Client(folder, "odd") as client:
        yield client, tmp_path / f"{name}.py"


@pytest.mark.parametrize(
    "line", ["raise RuntimeError('broken')", "raise SystemExit(3)", "1 +", "Odd = 3 / 0"]
)
def test_a_result_that_cannot_be_made_fails_its_own_call_alone(odd: tuple[Client, Path], line: str) -> None:
    client, module = odd
    module.write_text(line)
    other = client.submit("even")
    call = client.submit("odd", returns=Declared)
    with pytest.raises(ProtocolError, match="returned an"):
        call.result(LONG_S)
    assert other.result(LONG_S) == 2
    assert client.call("odd") == {"number": 1}  # as plain values
    assert client.call("even", returns=Declared) == 2


def test_a_slow_import_holds_up_nobody_else(
    odd: tuple[Client, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, module = odd
    began, gate = threading.Event(), threading.Event()
    monkeypatch.setattr(builtins, "_odd_gates", (began, gate), raising=False)
    module.write_text(
        "import builtins, dataclasses\n"
        "began, gate = builtins._odd_gates\n"
        "began.set(); assert gate.wait(30)\n"
        "@dataclasses.dataclass\nclass Odd:\n    number: int\n"
    )
    results: list[Any] = []
    slow = threading.Thread(target=lambda: results.append(client.call("odd", returns=Declared)))
    slow.start()
    assert began.wait(LONG_S)
    assert client.submit("even").result(LONG_S) == 2
    assert not results
    gate.set()
    slow.join(LONG_S)
    assert [result.number for result in results] == [1]
    assert type(results[0]).__module__ == module.stem


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_is_told_that_the_client_is_its_parents(client: Client, folder: Path, bench: Bench) -> None:
    held = client.submit("hold")
    assert bench.entered.acquire(timeout=LONG_S)
    proxy = ServiceProxy(client)

    def refused() -> None:
        uses = (lambda: client.call("add", 1), proxy.ping, held.result, lambda: client.attach_call(held.id))
        for use in uses:
            with pytest.raises(ServiceUnavailableError, match="fork"):
                use()
        client.close()

    def own_client() -> None:
        with Client(folder, "bench") as own:
            assert own.call("add", 1, timeout_s=LONG_S) == 2.0

    assert exit_code_of_fork(refused) == 0
    assert exit_code_of_fork(own_client) == 0
    bench.gate.set()
    assert held.result(LONG_S) == "held"  # the parent's connection is untouched


@pytest.mark.parametrize("timeout_s", [float("inf"), 1e300, np.float64("inf")])
def test_for_ever_is_a_timeout(client: Client, timeout_s: float) -> None:
    assert client.call("add", 1, timeout_s=timeout_s) == 2.0
    assert client.submit("add", 1).result(timeout_s) == 2.0


@pytest.mark.parametrize("timeout_s", [float("nan"), "soon"])
def test_no_time_is_refused(client: Client, bench: Bench, timeout_s: Any) -> None:
    with pytest.raises(BadInputError, match="timeout_s"):
        client.call("add", 1, timeout_s=timeout_s)
    with pytest.raises(BadInputError, match="timeout_s"):
        client.submit("hold").result(timeout_s)
    with pytest.raises(DeadlineError):
        client.call("add", 1, timeout_s=-1)


def test_two_threads_may_attach_to_one_call(client: Client, folder: Path, bench: Bench) -> None:
    held = client.submit("hold")
    assert bench.entered.acquire(timeout=LONG_S)
    with Client(folder, "bench") as other:
        begin, results = threading.Barrier(8), []

        def fetch(of: Client) -> None:
            begin.wait(LONG_S)
            results.append(of.attach_call(held.id).result(LONG_S))

        threads = [threading.Thread(target=fetch, args=(of,)) for of in (client, other) for _ in range(4)]
        for thread in threads:
            thread.start()
        while server_sees(other) < 1:
            time.sleep(0.001)
        bench.gate.set()
        for thread in threads:
            thread.join(LONG_S)
    assert results == ["held"] * 8


def server_sees(client: Client) -> int:
    client.ping(LONG_S)
    return client.statistics().open


def test_a_reply_that_cannot_be_read_fails_its_call(folder: Path) -> None:
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind(command_endpoint(folder, "strange"))
    try:
        with Client(folder, "strange") as client:
            call, next_call = client.submit("one"), client.submit("two")
            who, *_ = (router.recv_multipart()[0] for _ in ("introduction", "one", "two"))
            parts = encode(Reply(call.id, np.zeros(3)))
            router.send_multipart([who, parts[0]])  # its array is missing
            router.send_multipart([who, b"no message at all"])
            router.send_multipart([who, *encode(Reply(next_call.id, 2))])
            with pytest.raises(ProtocolError, match="array part 1 is missing"):
                call.result(LONG_S)
            assert next_call.result(LONG_S) == 2
    finally:
        router.close(0)
        context.term()


def test_a_service_that_does_not_read_is_not_sent_more_than_there_is_room_for(
    folder: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "UNSENT_BYTES", 4 * 2**20)
    service, image = processes.serve(), np.ones((512, 256))  # of 1 MiB
    with Client(folder, "bench") as client:
        client.ping(LONG_S)
        stand_still(service)
        calls = [client.submit("scale", image, 2.0) for _ in range(12)]
        with pytest.raises(ServiceUnavailableError, match="does not read"):
            calls[-1].result(LONG_S)
        image[:] = 0.0  # what was submitted is a copy
        service.send_signal(signal.SIGCONT)
        assert (calls[0].result(LONG_S) == 2.0).all()
        fits = [call for call in calls if call.exception(LONG_S) is None]
        assert 3 <= len(fits) < 12
        assert client.call("add", 1) == 2.0


def test_a_closed_client_answers_all_that_comes(client: Client, bench: Bench) -> None:
    told: list[CommandError | None] = []
    held = client.submit("hold")
    held.add_done_callback(lambda call: told.append(call.exception()))
    client.close()
    assert [type(error) for error in told] == [CancelledError]
    held.add_done_callback(lambda call: told.append(call.exception()))
    assert len(told) == 2
    uses: list[Any] = [client.call, client.submit, client.attach_call]
    for use in uses:
        with pytest.raises(CancelledError, match="closed"):
            use("add")


def test_listeners_that_are_slow_miss_reports_and_it_is_counted(
    client: Client, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "PROGRESS_MESSAGES", 5)
    heard: list[Any] = []
    busy, go_on = threading.Event(), threading.Event()

    def listen(progress: Any) -> None:
        busy.set()
        assert go_on.wait(LONG_S)
        heard.append(progress)

    call = client.submit("report", 40)
    call.on_progress(listen)
    bench.gate.set()
    assert call.result(LONG_S) == "reported"
    assert busy.wait(LONG_S)
    counts = client.statistics()
    assert 4 <= counts.progress <= 5
    assert counts.progress_bytes > 0
    assert 1 + counts.progress + counts.progress_dropped == 40  # one is being told
    assert call.progress is not None
    assert call.progress.fraction == 1.0
    go_on.set()
    while client.statistics().progress or len(heard) + counts.progress_dropped < 40:
        client.ping(LONG_S)
