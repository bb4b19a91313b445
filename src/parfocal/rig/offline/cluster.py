"""A connection to the workers of a dask cluster. dask is imported here alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from parfocal.core.errors import BadInputError, ParfocalError
from parfocal.rig.offline.shared_folder import SeenFolder, SharedFolder, look

_CONNECT_S, _WORKERS_S = 5.0, 60.0
_LOOK_S = 1.0


class ClusterLostError(ParfocalError):
    """The scheduler of a cluster is gone, or no worker of it lives long enough."""


class TaskLostError(ParfocalError):
    """A task was begun several times, and its worker ended each time."""


class Cluster:
    """The workers of a dask scheduler, each of which was found to see the same files. Any thread.

    Parameters
    ----------
    address : str
        Of the scheduler, such as "tcp://10.0.0.1:8786".
    shared : SharedFolder
        What the workers have to see.
    on_lost : callable
        Called, in a thread of its own, with the address of a worker that is gone.

    Attributes
    ----------
    seen : dict of str to SeenFolder
        What each worker told at the start, by its address.

    Raises
    ------
    BadInputError
        If dask is not installed, nothing answers at `address`, it has no workers, or one of them sees another
        folder or has another version of parfocal; names it.
    """

    def __init__(
        self, address: str, shared: SharedFolder, on_lost: Callable[[str], None] = lambda _: None
    ) -> None:
        self._address, self._shared, self._on_lost = address, shared, on_lost
        self._client: Any = _connected(address)
        self._closed = threading.Event()
        self._cancelled = False
        self._futures: set[Any] = set()
        self._lock = threading.Lock()
        try:
            self.seen = self._looked()
        except BaseException:
            self._client.close()
            raise
        self._watch = threading.Thread(target=self._watched, name="cluster", daemon=True)
        self._watch.start()

    @property
    def threads(self) -> int:
        """How many tasks its workers do at once."""
        return sum(self._client.nthreads().values())

    def on_each(self, task: Callable[..., Any], *arguments: Any) -> list[Future[Any]]:
        """Have each of the workers that were seen at the start call `task`; results as of `submit`."""
        return [self._submitted(task, arguments, [address]) for address in self.seen]

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a worker call `task`; one whose worker ends is begun again by another.

        Returns
        -------
        Future
            Its result, or what it raised; `TaskLostError` if no worker survived it, `ClusterLostError` if the
            scheduler is gone. Callbacks are called in a thread of the cluster, one after the other.
        """
        return self._submitted(task, arguments, None)

    def _submitted(
        self, task: Callable[..., Any], arguments: tuple[Any, ...], workers: list[str] | None
    ) -> Future[Any]:
        future: Future[Any] = Future()
        asked = self._client.submit(task, *arguments, pure=False, workers=workers)
        with self._lock:
            self._futures.add(asked)
        asked.add_done_callback(partial(self._settle, future))
        return future

    def cancel(self, told: Callable[[], None]) -> None:
        """Cancel the tasks that no worker has begun, and have each worker call `told`."""
        with self._lock:
            self._cancelled = True
            waiting = [asked for asked in self._futures if asked.status == "pending"]
        running = {key for keys in self._client.processing().values() for key in keys}
        self._client.cancel([asked for asked in waiting if asked.key not in running])
        self._client.run(told, on_error="ignore")

    def close(self, last: Callable[[], None] = lambda: None) -> None:
        """Cancel what was not done, have each worker call `last`, and let go of the cluster. Idempotent."""
        if self._closed.is_set():
            return
        self._closed.set()
        with self._lock:
            left = [*self._futures]
        if self._client.status == "running":
            self._client.cancel(left, force=True)
            self._client.run(last, on_error="ignore")
        self._client.close(timeout=_CONNECT_S)
        self._watch.join()

    def _settle(self, future: Future[Any], asked: Any) -> None:
        from distributed import KilledWorker

        with self._lock:
            self._futures.discard(asked)
        if self._closed.is_set():
            future.cancel()
            return
        try:
            result = asked.result()
        except KilledWorker as error:
            future.set_exception(TaskLostError(f"its worker ended each time: {error.last_worker.address}"))
        except CancelledError:
            if self._cancelled:
                future.cancel()
                return
            future.set_exception(ClusterLostError(f"the dask scheduler at {self._address} is gone"))
        except Exception as error:  # noqa: BLE001 (whoever waits for it is told)
            future.set_exception(error)
        else:
            future.set_result(result)

    def _looked(self) -> dict[str, SeenFolder]:
        try:
            self._client.wait_for_workers(1, timeout=_WORKERS_S)
        except TimeoutError as error:
            raise BadInputError(
                f"the dask scheduler at {self._address} has no workers: start some with "
                f"`dask worker {self._address}`"
            ) from error
        answers = self._client.run(look, self._shared, on_error="return")
        problems = [
            f"worker {address}: {told}" for address, one in answers.items() if (told := _problem(one))
        ]
        if problems:
            raise BadInputError("; ".join(problems[:3]))
        return dict(answers)

    def _watched(self) -> None:
        known = set(self.seen)
        while not self._closed.wait(_LOOK_S):
            try:
                now = set(self._client.nthreads())
            except (OSError, TimeoutError, RuntimeError):  # the scheduler does not answer: its tasks tell
                continue
            for address in known - now:
                self._on_lost(address)
            known = now


def _connected(address: str) -> Any:
    try:
        from distributed import Client
        from distributed.comm.core import connect
    except ImportError as error:
        raise BadInputError(
            f"clusters of dask are joined through a package that is not here ({error}): "
            "pip install 'parfocal[dask]'"
        ) from error

    async def greet() -> None:
        comm = await connect(address, timeout=_CONNECT_S)  # type: ignore[no-untyped-call]
        await comm.close()

    try:
        # before a client is made: one that nobody answers takes another 10 s to go
        with ThreadPoolExecutor(1, "greeting a scheduler") as thread:  # a notebook's own has a loop that runs
            thread.submit(lambda: asyncio.run(asyncio.wait_for(greet(), _CONNECT_S + 1.0))).result()
        return Client(address, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        told = str(error) or f"nothing of one was heard for {_CONNECT_S:g} s"
        raise BadInputError(f"no dask scheduler answers at {address}: {told}") from error
    except Exception as error:
        raise BadInputError(
            f"what answers at {address} is no dask scheduler, such as one of tcp://HOST:8786 ({error})"
        ) from error


def _problem(answer: SeenFolder | BaseException) -> str:
    if isinstance(answer, SeenFolder):
        return answer.problem
    if isinstance(answer, ImportError):
        return f"it has no parfocal like this one ({answer}): install the same there"
    return f"{type(answer).__name__}: {answer}"
