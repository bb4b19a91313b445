"""A recorder that is killed again and again, at the worst instants, and started again."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from parfocal.core.frames import RowSpec
from parfocal.storage import read_rows
from parfocal.streams import StreamWriter, open_stream

ROW = np.dtype([("n", "<u8")])
DEATHS = 24


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_between_reading_and_storing_it_loses_no_row_and_stores_none_twice(
    streams: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    last = threading.Event()
    written = 0
    actor = Path(__file__).with_name("mortal_recorder.py")
    command = [sys.executable, str(actor), str(streams), str(tmp_path / "runs"), str(DEATHS)]
    with StreamWriter(streams, "tracks", RowSpec.of(ROW), slots=2**18) as writer:
        recorder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert recorder.stdin is not None
        assert recorder.stdout is not None

        def listen() -> None:
            for line in recorder.stdout or ():
                said.append(line.strip())
                if line.strip() == str(DEATHS):
                    last.set()

        assert recorder.stdout.readline() == "0\n"
        listener = threading.Thread(target=listen)
        listener.start()
        while not last.wait(0.001) and listener.is_alive():
            writer.write_rows(np.arange(written, written + 10).astype("<u8").view(ROW))
            written += 10
        with recorder.stdin as told:
            told.write("end\n")
        assert recorder.wait(60) == 0
        listener.join()
        recorder.stdout.close()
        (ledger,) = open_stream(streams, "tracks").status().readers
    outcome, lost, folder = said[-1].split(" ", 2)
    assert (outcome, lost) == ("complete", "0"), said
    assert read_rows(Path(folder) / "tracks")["n"].to_pylist() == list(range(written))
    assert (ledger.balances, ledger.delivered, ledger.dropped) == (True, written, {})
