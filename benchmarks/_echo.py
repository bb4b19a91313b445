"""pyzmq with nothing around it: what no use of it can go below."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import zmq

BARE = "bare pyzmq echo"


def echo(address: str) -> None:
    router = zmq.Context().socket(zmq.ROUTER)
    router.bind(address)
    while True:
        router.send_multipart(router.recv_multipart())


@contextmanager
def bare(folder: str) -> Iterator[Callable[[], Any]]:
    address = f"ipc://{folder}/echo"
    server = multiprocessing.get_context("spawn").Process(target=echo, args=(address,), daemon=True)
    server.start()
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.RCVTIMEO, 30_000)
        dealer.connect(address)

        def call() -> None:
            dealer.send_multipart([b"read", b"1"])
            dealer.recv_multipart()

        try:
            call()
            yield call
        finally:
            server.kill()
            server.join()
