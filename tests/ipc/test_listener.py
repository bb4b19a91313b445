"""The service's end of the connections, driven without a server."""

from __future__ import annotations

from pathlib import Path

from parfocal.ipc.connection import UNSENT_BYTES, Connection, Listener, WakeUpPipe, connect

LINGER_MS = 20_000


def accept(listener: Listener, path: Path) -> tuple[Connection, bytes]:
    """Return a client that has said hello and asked for something, and the name the listener gave it."""
    client = connect(str(path))
    client.send([b"question"])
    messages: list[tuple[bytes, list[memoryview]]] = []
    while not messages:
        messages, _ = listener.receive(listener.wait(LINGER_MS))
        client.receive()
    return client, messages[0][0]


def test_what_a_client_left_unread_does_not_hold_up_the_end_once_it_is_gone(folder: Path) -> None:
    listener = Listener(str(folder / "socket"))
    client, name = accept(listener, folder / "socket")
    assert listener.send(name, [bytes(2**24)], UNSENT_BYTES) == "sent"
    assert listener.unread()[0] == 1
    client.close()
    listener.close(LINGER_MS)  # for ever, before


def test_a_reply_to_a_client_that_has_just_gone_is_let_go(folder: Path) -> None:
    listener = Listener(str(folder / "socket"))
    client, name = accept(listener, folder / "socket")
    client.close()
    assert listener.send(name, [b"answer"], UNSENT_BYTES) == "sent"
    assert listener.unread() == (0, 0)
    assert listener.receive(listener.wait(LINGER_MS)) == ([], [name])
    listener.close(LINGER_MS)


def test_a_client_that_reads_gets_all_of_it_before_the_end(folder: Path) -> None:
    listener = Listener(str(folder / "socket"))
    client, name = accept(listener, folder / "socket")
    assert listener.send(name, [b"answer"], UNSENT_BYTES) == "sent"
    listener.close(LINGER_MS)
    messages = client.receive()
    assert [[bytes(part) for part in parts] for parts in messages] == [[b"answer"]]
    client.close()


def test_waking_is_harmless_however_often_and_after_the_end() -> None:
    pipe = WakeUpPipe()
    for _ in range(70_000):  # a pipe of the system holds 65 536
        pipe.wake()
    pipe.close()
    pipe.close()
    pipe.wake()
