"""The simulated server against the letter of the protocol, on a bare socket."""

import socket
import struct

import pytest

from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya


@pytest.fixture
def wire(device):
    with socket.create_connection(("127.0.0.1", device.port), timeout=30) as connection:
        yield connection


def ask(connection, letter, address, words, data=()):
    header = struct.pack("<cxHI", letter, words, address)
    connection.sendall(header + struct.pack(f"<{len(data)}I", *data))
    expected = 8 + (4 * words if letter == b"r" else 0)
    got = b""
    while len(got) < expected:
        chunk = connection.recv(expected - len(got))
        assert chunk, "the server ended the connection"
        got += chunk
    assert got[:8] == header
    return list(struct.unpack(f"<{(expected - 8) // 4}I", got[8:]))


def test_a_read_echoes_the_header_and_gives_the_words(wire):
    assert ask(wire, b"r", 0x40000000, 1) == [1]


def test_a_write_is_echoed_when_it_is_done(wire):
    assert ask(wire, b"w", 0x40100008, 1, [0x123]) == []
    assert ask(wire, b"r", 0x40100008, 1) == [0x123]


@pytest.mark.parametrize("letter", [b"r", b"w", b"c", b"x"])
def test_length_0_is_passed_over_whatever_the_letter(wire, letter):
    wire.sendall(struct.pack("<cxHI", letter, 0, 0x40000000))
    assert ask(wire, b"r", 0x40000000, 1) == [1]


def test_an_unknown_letter_ends_the_connection(wire):
    wire.sendall(struct.pack("<cxHI", b"x", 1, 0x40000000))
    assert wire.recv(8) == b""


def test_a_header_may_come_in_bits(wire):
    header = struct.pack("<cxHI", b"r", 1, 0x40000000)
    for byte in header:
        wire.sendall(bytes([byte]))
    assert wire.recv(12, socket.MSG_WAITALL) == header + struct.pack("<I", 1)


def test_what_is_read_only_stays(wire):
    identity = ask(wire, b"r", 0x40000000, 3)
    ask(wire, b"w", 0x40000000, 3, [7, 7, 7])
    assert ask(wire, b"r", 0x40000000, 3) == identity
    ask(wire, b"w", 0x40400020, 2, [0x10000, 0x10000])
    assert ask(wire, b"r", 0x40400020, 2) == [0, 0]


def test_a_generator_s_table_cannot_be_read(wire):
    ask(wire, b"w", 0x40210000, 4, [1, 2, 3, 4])
    assert ask(wire, b"r", 0x40210000, 4) == [0, 0, 0, 0]


def test_the_sync_bits_are_one_word_for_all_slots(wire):
    ask(wire, b"w", 0x4035000C, 1, [0xFFDF])
    assert ask(wire, b"r", 0x4030000C, 1) == ask(wire, b"r", 0x403F000C, 1) == [0xFFDF]


def test_constants_by_which_clients_learn_the_gateware(wire):
    assert ask(wire, b"r", 0x40300200, 4) == [12, 32, 10, 24]
    assert ask(wire, b"r", 0x40300220, 3) == [4, 5, 10]
    assert ask(wire, b"r", 0x40350200, 7) == [11, 17, 32, 18, 14, 24, 8]
    assert ask(wire, b"r", 0x40350230, 3) == [2, 5, 10]


def test_a_second_client_waits_until_the_first_has_gone(device, wire):
    with socket.create_connection(("127.0.0.1", device.port), timeout=30) as second:
        second.sendall(struct.pack("<cxHI", b"r", 1, 0x40000000))
        assert ask(wire, b"r", 0x40000000, 1) == [1]
        wire.close()
        assert len(second.recv(12, socket.MSG_WAITALL)) == 12


def test_the_real_server_ends_with_its_connection():
    with SimulatedRedPitaya(exits=True) as device:
        socket.create_connection(("127.0.0.1", device.port), timeout=30).close()
        assert device.monitor.ended.wait(30)
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", device.port), timeout=30)
