"""What the tests run in processes of their own: ``python actors.py ROLE FOLDER [ARGUMENT ...]``."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from parfocal.core.errors import StreamClosedError, WriterDiedError
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
                with contextlib.suppress(WriterDiedError), reader.lease() as frame:
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


def lock(folder: Path) -> None:
    """Be stopped while holding the lock of the stream's readers."""
    with open_stream(folder, "s", 10)._segment.locked():
        print("ready", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        print("going on", flush=True)


def glance(folder: Path) -> None:
    """Attach, look at one frame, and go."""
    with open_stream(folder, "s", 10).latest() as reader:
        print("ready", flush=True)
        reader.read(timeout_s=30)


def fork(folder: Path) -> None:
    """Hold both ends, let a fork let go of its copies of them, and go on."""
    writer = StreamWriter(folder, "s", SPEC, 4)
    reader = open_stream(folder, "s").lossless(name="recorder")
    child = os.fork()
    if child == 0:
        del reader
        writer.close()
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    writer.write(np.zeros((64, 64), "u4"), FrameHeader(frame=0))
    status = open_stream(folder, "s").status()
    assert status.writer_pid == os.getpid()
    assert status.readers[0].alive
    print(len(list(folder.glob("*.bell"))), "bells", flush=True)
    reader.read(timeout_s=30)
    reader.close()
    writer.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
