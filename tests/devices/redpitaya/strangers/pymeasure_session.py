"""A session with pymeasure's RedPitayaScpi. Usage: pymeasure_session.py PORT."""

from __future__ import annotations

import json
import sys
import time

from pymeasure.instruments.redpitaya import RedPitayaScpi


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def acquire(board, source):
    board.acquisition_start()
    time.sleep(0.02)
    board.acq_trigger_source = source
    wait_until(lambda: board.acq_trigger_status)
    wait_until(lambda: board.acq_buffer_filled)


def main():
    board = RedPitayaScpi(ip_address="127.0.0.1", port=int(sys.argv[1]))
    found = {"id": board.id, "name": board.board_name, "date": str(board.date), "length": board.buffer_length}
    board.decimation = 64
    board.average_skipped_samples = False
    board.acq_trigger_level = 0.1
    board.acq_trigger_delay_samples = 0
    found["settings"] = [board.decimation, board.average_skipped_samples, board.acq_units]
    found["level"] = board.acq_trigger_level
    for command in ("SOUR1:FUNC SINE", "SOUR1:FREQ:FIX 1000", "SOUR1:VOLT 0.5", "OUTPUT1:STATE ON"):
        board.write(command)
    acquire(board, "CH1_PE")
    found["triggered"] = [float(value) for value in board.ain1.get_data()]
    found["position"] = board.acq_trigger_position
    acquire(board, "NOW")
    found["now"] = [float(value) for value in board.ain1.get_data(100)]
    board.dioN1.direction_in = False
    board.dioN1.enabled = True
    board.led3.enabled = True
    found["pins"] = [board.dioN1.direction_in, board.dioN1.enabled, board.led3.enabled, board.led4.enabled]
    board.ain1.gain = "HV"
    found["gain"] = board.ain1.gain
    board.adapter.close()
    print(json.dumps(found))


main()
