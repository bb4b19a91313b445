import socket

import numpy as np
import pytest

from parfocal.devices.redpitaya.simulated.board import SimulatedBoard
from parfocal.devices.redpitaya.simulated.scpi.server import ScpiServer
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya


@pytest.fixture
def scpi(clock):
    server = ScpiServer(SimulatedBoard(clock=clock), clock=clock)
    yield server
    server.close()


def ask(server, line):
    answer = server.answer(line)
    return None if answer is None else answer.decode()


def acquire(server, clock, trigger):
    server.answer("ACQ:START")
    clock.sleep(0.02)
    server.answer(f"ACQ:TRig {trigger}")
    clock.sleep(0.02)
    for _ in range(100):
        if ask(server, "ACQ:TRig:STAT?") == "TD" and ask(server, "ACQ:TRig:FILL?") == "1":
            return
        clock.sleep(0.002)
    pytest.fail("never triggered")


def numbers(text):
    return np.array([float(value) for value in text.strip("{}").split(",")])


def test_keywords_are_long_or_short_in_any_case(scpi):
    scpi.answer("acq:dec:factor 64")
    assert ask(scpi, "ACQ:DEC?") == ask(scpi, "ACQ:DEC:Factor?") == ask(scpi, "acq:dec:f?") == "64"


def test_a_sine_goes_round(scpi, clock):
    for line in (
        "SOUR1:FUNC SINE",
        "SOUR1:FREQ:FIX 1000",
        "SOUR1:VOLT 0.5",
        "OUTPUT1:STATE ON",
        "ACQ:DEC 64",
    ):
        scpi.answer(line)
    acquire(scpi, clock, "NOW")
    volts = numbers(ask(scpi, "ACQ:SOUR1:DATA?"))
    time_s = np.arange(16384) * 64 * 8e-9
    assert len(volts) == 16384
    assert 2 * abs(np.mean(volts * np.exp(-2j * np.pi * 1000 * time_s))) == pytest.approx(0.5, rel=0.05)


def test_a_trigger_lies_in_the_middle(scpi, clock):
    for line in ("SOUR2:FUNC TRIANGLE", "SOUR2:FREQ 2000", "OUTPUT2:STATE ON", "ACQ:DEC 8", "ACQ:AVG OFF"):
        scpi.answer(line)
    scpi.answer("ACQ:TRig:LEV 0.25")
    acquire(scpi, clock, "CH2_NE")
    volts = numbers(ask(scpi, "ACQ:SOUR2:DATA?"))
    assert volts[8190] > 0.25 >= volts[8191]
    at = int(ask(scpi, "ACQ:TPOS?"))
    assert numbers(ask(scpi, f"ACQ:SOUR2:DATA:STArt:N? {at},1"))[0] == volts[8191]
    assert np.array_equal(numbers(ask(scpi, "ACQ:SOUR2:DATA:Old:N? 10")), volts[:10])
    assert np.array_equal(numbers(ask(scpi, "ACQ:SOUR2:DATA:LATest:N? 10")), volts[-10:])


def test_binary_is_big_endian_unless_told(scpi, clock):
    scpi.answer("SOUR1:FUNC DC")
    scpi.answer("SOUR1:VOLT 0.5")
    scpi.answer("OUTPUT1:STATE ON")
    scpi.answer("ACQ:DEC 1")
    acquire(scpi, clock, "NOW")
    scpi.answer("ACQ:DATA:FORMAT BIN")
    block = scpi.answer("ACQ:SOUR1:DATA:LATest:N? 4")
    assert block[:4] == b"#216"
    assert np.frombuffer(block[4:], ">f4").tolist() == [0.5] * 4
    scpi.answer("ACQ:DATA:Units RAW")
    scpi.answer("ACQ:DATA:BYTE:ORDER LEND")
    assert np.frombuffer(scpi.answer("ACQ:SOUR1:DATA:LATest:N? 4")[3:], "<i2").tolist() == [4096] * 4


def test_unknown_and_wrong_commands_give_no_answer_but_an_error(scpi):
    assert scpi.answer("ACQ:NONSENSE?") is None
    assert "Undefined header" in ask(scpi, "SYST:ERR?")
    assert scpi.answer("SOUR1:VOLT 7") is None
    scpi.answer("OUTPUT1:STATE ON")
    assert "amplitude_v" in ask(scpi, "SYST:ERR?")
    assert ask(scpi, "SYST:ERR?").startswith("0,")


def test_several_clients_at_once():
    with SimulatedRedPitaya(port=None, scpi_port=0) as device:
        clients = [socket.create_connection(("127.0.0.1", device.scpi_port), timeout=30) for _ in range(3)]
        for client in reversed(clients):
            client.sendall(b"*IDN?\r\nSYST:BRD:Name?\r\n")
        for client in clients:
            answers = client.makefile("rb")
            assert answers.readline().startswith(b"REDPITAYA")
            assert answers.readline().endswith(b"\r\n")
            answers.close()
            client.close()


def test_both_servers_show_one_board():
    with SimulatedRedPitaya(scpi_port=0) as device:
        device.scpi.answer("ACQ:DEC 256")
        assert device.board.read(0x40100014, 1).tolist() == [256]
