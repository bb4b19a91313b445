"""What the tests run in processes of their own: ``python actors.py ROLE FOLDER [ARGUMENT ...]``."""

import sys
import time
from pathlib import Path

import numpy as np

from parfocal.core.errors import StreamClosedError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.streams import StreamWriter, open_stream

SPEC = FrameSpec(shape=(64, 64), dtype="uint32")


def write(folder: Path, count: str) -> None:
    """Write `count` frames, each full of its sequence number; 0 writes for ever."""
    with StreamWriter(folder, "s", SPEC, 8) as writer:
        first = open_stream(folder, "s").status().produced
        print("ready", flush=True)
        sys.stdin.readline()
        number = first
        while not int(count) or number < first + int(count):
            writer.write(np.full((64, 64), number, "u4"), FrameHeader(frame=number))
            number += 1


def read(folder: Path, policy: str, name: str = "") -> None:
    """Read to the end, checking every pixel; print what was got."""
    got = 0
    with open_stream(folder, "s", 10).lossless(policy, name) as reader:
        print("ready", flush=True)
        try:
            while True:
                with reader.lease() as frame:
                    low, high = int(frame.data.min()), int(frame.data.max())
                    assert low == high == frame.header.frame == reader.position, (low, high, frame.header)
                got += 1
        except StreamClosedError:
            print(got, flush=True)


def hold(folder: Path, policy: str, name: str = "") -> None:
    """Lease one frame and never give it back."""
    with open_stream(folder, "s", 10).lossless(policy, name) as reader:
        print("ready", flush=True)
        with reader.lease():
            print("holding", flush=True)
            time.sleep(600)


def glance(folder: Path) -> None:
    """Attach, look at one frame, and go."""
    with open_stream(folder, "s", 10).latest() as reader:
        print("ready", flush=True)
        reader.read(timeout_s=30)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
