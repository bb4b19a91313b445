"""Ways to carry frames between processes, behind one face: streams, and what one would pick instead.

A sender has ``send(pixels, number)`` and ``close()``; a receiver yields ``(number, time_ns, pixels)`` until
the sender's end. The ends of a transport meet in a folder; each receiver knows its index.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from parfocal.core.errors import StreamClosedError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.streams import HEADER_DTYPE, StreamWriter, open_stream

Taken = tuple[int, int, Any]
END = -1


def depth(spec: FrameSpec) -> int:
    """Return how many frames each transport may hold for a reader: 16 large ones, up to 64 small ones."""
    return min(64, max(16, (32 << 20) // spec.nbytes))


class Sender(Protocol):
    """The end that frames go into."""

    def send(self, pixels: Any, number: int) -> None: ...

    def close(self) -> None: ...


class ParfocalSender:
    """A stream's writer."""

    def __init__(self, folder: Path, spec: FrameSpec, slots: int) -> None:
        self.writer = StreamWriter(folder, "bench", spec, slots)

    def send(self, pixels: Any, number: int) -> None:
        self.writer.write(pixels, FrameHeader(frame=number, time_ns=time.monotonic_ns()))

    def send_batch(self, pixels: Any, number: int) -> None:
        headers = np.zeros(len(pixels), HEADER_DTYPE)
        headers["frame"] = np.arange(number, number + len(pixels))
        headers["time_ns"] = time.monotonic_ns()
        self.writer.write_many(pixels, headers)

    def close(self) -> None:
        self.writer.close()


def parfocal_receive(folder: Path, ready: Any, *, policy: str = "block", batch: int = 1) -> Iterator[Taken]:
    """Zero-copy views, one by one, or the first of each batch with the number of the last."""
    with open_stream(folder, "bench", 10).lossless(policy) as reader:  # type: ignore[arg-type]
        ready.put("ready")
        with contextlib.suppress(StreamClosedError):
            while batch == 1:
                with reader.lease() as frame:
                    yield frame.header.frame, frame.header.time_ns, frame.data
            while True:
                with reader.lease_many(batch, least=batch // 2) as frames:
                    last = frames.headers[-1]
                    yield int(last["frame"]), int(last["time_ns"]), frames.data


class QueueSender:
    """One `multiprocessing.Queue` for each receiver."""

    def __init__(self, queues: list[Queue[Any]]) -> None:
        self.queues = queues

    def send(self, pixels: Any, number: int) -> None:
        for queue in self.queues:
            queue.put((number, time.monotonic_ns(), pixels))

    def close(self) -> None:
        for queue in self.queues:
            queue.put((END, 0, None))
            queue.close()
            queue.join_thread()


def queue_receive(queue: Queue[Any], ready: Any) -> Iterator[Taken]:
    ready.put("ready")
    while (taken := queue.get())[0] != END:
        yield taken


def make_queues(readers: int, spec: FrameSpec) -> list[Queue[Any]]:
    return [get_context("spawn").Queue(depth(spec)) for _ in range(readers)]


class ZmqSender:
    """One PUSH socket for each receiver; numpy memory is handed over without a copy on this side."""

    def __init__(self, folder: Path, readers: int, spec: FrameSpec) -> None:
        import zmq

        self.sockets = []
        for index in range(readers):
            socket = zmq.Context.instance().socket(zmq.PUSH)
            socket.setsockopt(zmq.SNDHWM, depth(spec))
            socket.bind(f"ipc://{folder}/zmq-{index}")
            self.sockets.append(socket)

    def send(self, pixels: Any, number: int) -> None:
        for socket in self.sockets:
            stamp = np.array([number, time.monotonic_ns()])
            socket.send_multipart([stamp, pixels], copy=False)

    def close(self) -> None:
        for socket in self.sockets:
            socket.send_multipart([np.array([END, 0]), b""])
            socket.close()


def zmq_receive(folder: Path, ready: Any, index: int, spec: FrameSpec) -> Iterator[Taken]:
    import zmq

    socket = zmq.Context.instance().socket(zmq.PULL)
    socket.setsockopt(zmq.RCVHWM, depth(spec))
    socket.connect(f"ipc://{folder}/zmq-{index}")
    ready.put("ready")
    while True:
        stamp, pixels = socket.recv_multipart(copy=False)
        number, sent = np.frombuffer(stamp, "i8").tolist()
        if number == END:
            socket.close()
            return
        yield number, sent, np.frombuffer(pixels, spec.dtype).reshape(spec.shape)


class IceoryxEnds:
    """An iceoryx2 service that loses nothing (the publisher retries), and an event that wakes."""

    def __init__(self, folder: Path, spec: FrameSpec) -> None:
        import iceoryx2 as iox2

        iox2.set_log_level(iox2.LogLevel.Error)
        self.iox2 = iox2
        self.node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)
        name = iox2.ServiceName.new(f"parfocal-bench/{folder.name}")
        self.service = (
            self.node.service_builder(name)
            .publish_subscribe(iox2.Slice[ctypes.c_uint8])
            .enable_safe_overflow(False)
            .subscriber_max_buffer_size(depth(spec))
            .max_subscribers(4)
            .open_or_create()
        )
        self.event = self.node.service_builder(name).event().open_or_create()


class IceoryxSender(IceoryxEnds):
    def __init__(self, folder: Path, spec: FrameSpec) -> None:
        super().__init__(folder, spec)
        self.size = spec.nbytes + 16
        builder = self.service.publisher_builder().initial_max_slice_len(self.size)
        self.publisher = builder.backpressure_strategy(
            self.iox2.BackpressureStrategy.RetryUntilDelivered
        ).create()
        self.notifier = self.event.notifier_builder().create()

    def send(self, pixels: Any, number: int) -> None:
        before = time.monotonic_ns()  # as with the others, the copy is in the latency
        sample = self.publisher.loan_slice_uninit(self.size)
        memory = np.ctypeslib.as_array((ctypes.c_uint8 * self.size).from_address(sample.payload_ptr))
        if pixels is not None:
            np.copyto(memory[16:].view(pixels.dtype).reshape(pixels.shape), pixels)
        memory[:16].view("i8")[:] = number, before
        sample.assume_init().send()
        self.notifier.notify()

    def close(self) -> None:
        self.send(None, END)


def iceoryx_receive(folder: Path, ready: Any, spec: FrameSpec) -> Iterator[Taken]:
    ends = IceoryxEnds(folder, spec)
    subscriber = ends.service.subscriber_builder().create()
    listener = ends.event.listener_builder().create()
    ready.put("ready")
    size = spec.nbytes + 16
    while True:
        sample = subscriber.receive()
        if sample is None:
            listener.timed_wait(ends.iox2.Duration.from_millis(100))
            continue
        memory = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(sample.payload_ptr))
        number, sent = memory[:16].view("i8").tolist()
        if number == END:
            sample.delete()
            return
        yield number, sent, memory[16:].view(spec.dtype).reshape(spec.shape)
        sample.delete()
