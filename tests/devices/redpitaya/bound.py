"""Binds an output to itself, and then only lives: ``python bound.py FOLDER OUTPUT PERIOD_S``."""

from __future__ import annotations

import sys
from pathlib import Path

import zmq

from parfocal.core.messages import Alive, Lease
from parfocal.ipc.codec import encode
from parfocal.ipc.endpoints import command_endpoint


def main(folder: str, output: str, period_s: str) -> None:
    """Lease the output, print the number of the answer's parts, then answer beats until killed."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as board:
        board.connect(command_endpoint(Path(folder), "board"))
        board.send_multipart(encode(Lease("bound-1", output, int(float(period_s) * 1e9))))
        print(len(board.recv_multipart()), flush=True)
        while board.recv_multipart():
            board.send_multipart(encode(Alive()))


if __name__ == "__main__":
    main(*sys.argv[1:])
