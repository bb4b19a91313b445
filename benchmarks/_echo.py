"""pyzmq with nothing around it: what no use of it can go below."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import zmq

BARE = "bare pyzmq echo"


def echo(address: str, onwards: str) -> None:
    """Answer with what was asked, after another one has answered with it if there is one to ask."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router, context.socket(zmq.DEALER) as dealer:
        router.bind(address)
        if onwards:
            dealer.connect(onwards)
        while True:
            who, *message = router.recv_multipart()
            if onwards:
                dealer.send_multipart(message)
                message = dealer.recv_multipart()
            router.send_multipart([who, *message])


@contextmanager
def bare(folder: str, processes: int = 1) -> Iterator[Callable[[], Any]]:
    """Start processes of which each asks the next before it answers; lend what calls the first of them."""
    spawn = multiprocessing.get_context("spawn")
    places = [f"ipc://{folder}/echo{processes}-{number}" for number in range(processes)]
    servers = [
        spawn.Process(target=echo, args=one, daemon=True)
        for one in zip(places, [*places[1:], ""], strict=True)
    ]
    for server in servers:
        server.start()
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.RCVTIMEO, 30_000)
        dealer.connect(places[0])

        def call() -> None:
            dealer.send_multipart([b"read", b"1"])
            dealer.recv_multipart()

        try:
            call()
            yield call
        finally:
            for server in servers:
                server.kill()
                server.join()
