"""How viewers live and die beside those who open them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, ImagesFullError, ViewerError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.ipc.endpoints import command_endpoint
from parfocal.processes import directory
from parfocal.processes.standalone import find_service, record_path, rig_of
from parfocal.streams import ImageFolder, StreamWriter, open_stream
from parfocal.viewers import client as viewer_client
from parfocal.viewers import close_viewer, list_viewers, open_viewer
from parfocal.viewers.kinds import KINDS

PATIENCE_S = 60.0
WITH_NAPARI = ["headless", pytest.param("napari", marks=(pytest.mark.slow, pytest.mark.timeout(600)))]
OWNER = """
import sys
import numpy as np
from parfocal.viewers import open_viewer
viewer = open_viewer(sys.argv[1], sys.argv[3], persist=sys.argv[2] == "persist")
viewer.show(np.arange(600, dtype=np.uint16).reshape(20, 30), "kept").shown(180)
viewer.show_points([(4, 5), (6, 7)], "kept").shown(180)
viewer.set_display("kept", low=3, high=99, colormap="turbo").received(180)
print("shown", flush=True)
sys.stdin.readline()
"""


def owner(name, persist, kind="headless"):
    """Start a program that opens a viewer and waits; returns it once the viewer has shown its image."""
    command = [sys.executable, "-c", OWNER, name, persist, kind]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdout.readline() == "shown\n"
    return program


def kill(program):
    program.kill()
    program.wait()
    program.stdin.close()
    program.stdout.close()


def test_with_its_owner_killed_it_ends(opened, name):
    program = owner(name, "owned")
    (info,) = list_viewers()
    assert not info.persist
    kill(program)
    assert poll_until(lambda: not list_viewers(), PATIENCE_S)
    assert poll_until(lambda: not directory.runtime_folder(rig_of(name)).exists(), PATIENCE_S)


@pytest.mark.parametrize("kind", WITH_NAPARI)
def test_persisting_it_outlives_its_owner_with_all_that_was_chosen(opened, name, on_display, kind):
    if kind == "napari":
        on_display()
    kill(owner(name, "persist", kind))
    (info,) = list_viewers()
    assert (info.state, info.persist) == ("ready", True)
    viewer = opened(kind)
    assert viewer.pid == info.pid
    np.testing.assert_array_equal(viewer.image("kept"), np.arange(600).reshape(20, 30))
    assert [one.points.tolist() for one in viewer.annotations("kept")] == [[[4, 5], [6, 7]]]
    display = viewer.display("kept")
    assert (display.low, display.high, display.colormap) == (3, 99, "turbo")


def test_opening_returns_at_once_and_imports_no_window_system(tmp_path):
    code = (
        "import sys, time, parfocal.viewers as v\n"
        "v.open_viewer('quick', 'headless').close(force=True)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('PySide6', 'pyqtgraph', 'napari')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
    assert poll_until(lambda: not directory.runtime_folder(rig_of("quick")).exists(), PATIENCE_S)


def test_closing_ends_no_innocent_process(opened, name):
    viewer = opened("headless")
    viewer.wait_ready(PATIENCE_S)
    true_record = find_service(name)
    innocent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        forged = msgspec.structs.replace(true_record, pid=innocent.pid)  # its number, another start
        record_path(name).write_bytes(msgspec.json.encode(forged))
        with pytest.raises(ViewerError, match="no viewer"):
            close_viewer(name, force=True)
        assert innocent.poll() is None
    finally:
        record_path(name).write_bytes(msgspec.json.encode(true_record))
        innocent.communicate(b"\n")
    viewer.close()


def test_a_name_that_something_else_has_is_refused_and_that_lives(opened, name):
    viewer = opened("headless")
    viewer.wait_ready(PATIENCE_S)
    with pytest.raises(ViewerError, match="is no live viewer"):
        open_viewer(name, "live")
    assert viewer.state == "ready"
    with pytest.raises(BadInputError, match="did you mean 'headless'"):
        open_viewer(name, "headles")
    with pytest.raises(BadInputError, match="name"):
        open_viewer("no such/name", "headless")


def test_one_of_another_version_says_so_and_can_be_replaced(opened, name):
    viewer = opened("headless")
    viewer.wait_ready(PATIENCE_S)
    older = msgspec.structs.replace(find_service(name), version="0.0.9")
    record_path(name).write_bytes(msgspec.json.encode(older))
    with pytest.raises(ViewerError, match=r"runs parfocal 0\.0\.9"):
        open_viewer(name, "headless")
    before = viewer.pid
    replaced = open_viewer(name, "headless", replace=True)
    replaced.wait_ready(PATIENCE_S)
    assert replaced.pid != before
    replaced.close()


@pytest.mark.parametrize("kind", WITH_NAPARI)
def test_a_replaced_viewer_goes_on_as_it_was(opened, name, tmp_path, kind):
    viewer = opened(kind)
    spec = FrameSpec(shape=(8, 8), dtype="uint16")
    with StreamWriter(tmp_path, "camera", spec) as writer:
        pane = viewer.follow(open_stream(tmp_path, "camera")).received(PATIENCE_S)
        viewer.set_display(pane, low=10, high=90, colormap="magma").received(PATIENCE_S)
        viewer.show(np.zeros((4, 4), np.uint8), "nuclei").shown(PATIENCE_S)
        viewer.set_display("nuclei", gamma=0.5).received(PATIENCE_S)
        older = msgspec.structs.replace(find_service(name), version="0.0.9")
        record_path(name).write_bytes(msgspec.json.encode(older))
        replaced = open_viewer(name, kind, replace=True)
        replaced.wait_ready(PATIENCE_S)
        assert poll_until(lambda: pane in replaced.panes(), PATIENCE_S)
        chosen = replaced.display(pane)
        assert (chosen.low, chosen.high, chosen.contrast, chosen.colormap) == (10, 90, "fixed", "magma")
        writer.write(np.full((8, 8), 7, np.uint16), FrameHeader(frame=0))
        assert poll_until(lambda: replaced.panes()[pane]["shape"] == [8, 8], PATIENCE_S)
        replaced.show(np.zeros((4, 4), np.uint8), "nuclei").shown(PATIENCE_S)
        assert replaced.display("nuclei").gamma == 0.5, "of a pane that comes later, too"
        replaced.close()


def test_one_that_does_not_answer_is_replaced_without_its_state(opened, name):
    viewer = opened("headless")
    viewer.wait_ready(PATIENCE_S)
    older = msgspec.structs.replace(find_service(name), version="0.0.9")
    record_path(name).write_bytes(msgspec.json.encode(older))
    os.kill(viewer.pid, signal.SIGSTOP)
    replaced = open_viewer(name, "headless", replace=True)
    replaced.wait_ready(PATIENCE_S)
    assert replaced.panes() == {}
    replaced.close()


@pytest.mark.parametrize(("state", "told"), [("ready", {"panes": {}}), ("hung", {})])
def test_one_that_draws_for_a_while_is_waited_for_and_one_that_hangs_is_not(monkeypatch, state, told):
    looks, ended, record = iter([False] * 5), [], SimpleNamespace(service="main")
    call = SimpleNamespace(done=lambda: next(looks, state == "ready"), result=lambda: {"panes": {}})
    busy = SimpleNamespace(submit=lambda *_, **__: call)
    monkeypatch.setattr(viewer_client, "connect_service", lambda _: contextlib.nullcontext(busy))
    monkeypatch.setattr(viewer_client, "state_of", lambda _: state)
    monkeypatch.setattr(viewer_client, "end_service", ended.append)
    assert viewer_client._last_state(record) == told
    assert ended == [record]


@pytest.mark.parametrize("kind", ["live", "napari"])
def test_without_a_display_a_window_says_so_in_a_line(monkeypatch, name, kind):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ViewerError, match="no display") as refused:
        open_viewer(name, kind)
    assert "\n" not in str(refused.value)
    assert not list_viewers()


def test_napari_says_that_it_needs_opengl_and_what_it_is_missing(monkeypatch, name):
    with pytest.raises(ViewerError, match="OpenGL"):
        open_viewer(name, "napari")  # drawn offscreen
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "napari" else name)
    with pytest.raises(ViewerError, match=r"pip install 'parfocal\[napari\]'"):
        open_viewer(name, "napari")


def test_too_many_bytes_fail_at_once_and_a_hung_viewer_costs_its_caller_nothing(opened, name, monkeypatch):
    viewer = opened("headless")
    viewer.wait_ready(PATIENCE_S)
    os.kill(viewer.pid, signal.SIGSTOP)
    try:
        assert poll_until(lambda: viewer.state == "hung", PATIENCE_S)  # the signal takes a while
        monkeypatch.setattr(
            viewer, "_images", ImageFolder(directory.images_folder(name), limit_bytes=5_000_000)
        )
        tickets = [viewer.show(np.zeros((1000, 1000), np.uint8), "a") for _ in range(8)]
        states = [ticket.state.partition(":")[0] for ticket in tickets]
        assert states == ["queued"] * 5 + ["failed"] * 3
        assert "would pass the limit of 5 MiB" in tickets[-1].state
    finally:
        os.kill(viewer.pid, signal.SIGCONT)
    tickets[4].shown(PATIENCE_S)


def test_ten_thousand_odd_messages_and_then_a_ping(opened, name):
    import zmq

    viewer = opened("headless")
    viewer.wait_ready(PATIENCE_S)
    rng = np.random.default_rng(0)
    endpoint = command_endpoint(directory.runtime_folder(rig_of(name)), name)
    with zmq.Context() as context, context.socket(zmq.DEALER) as foreign:
        foreign.setsockopt(zmq.LINGER, 0)
        foreign.connect(endpoint)
        for _ in range(10_000):
            parts = [rng.bytes(int(size)) for size in rng.integers(0, 60, size=rng.integers(1, 4))]
            foreign.send_multipart(parts)
        viewer.show(np.zeros((5, 5)), "after").shown(PATIENCE_S)
    assert viewer.state == "ready"


def test_its_sockets_are_for_this_user_alone(opened, name):
    viewer = opened("headless")
    viewer.wait_ready(PATIENCE_S)
    folder = directory.runtime_folder(rig_of(name))
    assert folder.stat().st_mode & 0o077 == 0
    assert directory.images_folder(name).stat().st_mode & 0o077 == 0


def test_an_image_folder_forgets_senders_that_were_killed(tmp_path):
    code = (
        "import sys, pathlib, numpy as np; from parfocal.streams import ImageFolder\n"
        "ImageFolder(pathlib.Path(sys.argv[1])).put(np.zeros((4, 4))); print('put', flush=True); input()"
    )
    sender = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "images")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert sender.stdout.readline() == b"put\n"
    images = ImageFolder(tmp_path / "images", limit_bytes=200)
    mine = images.put(np.zeros((2, 4)))
    assert images.waiting().images == 2
    with pytest.raises(ImagesFullError, match="2 images"):
        images.put(np.zeros((4, 4)))
    sender.kill()
    sender.communicate()
    assert images.sweep() == 1
    assert images.take(mine).shape == (2, 4)


def test_a_writer_at_500_fps_never_waits_for_a_viewer_attached_stopped_or_killed(opened, tmp_path):
    frame = np.zeros((1024, 1024), np.uint16)
    spec = FrameSpec(shape=frame.shape, dtype="uint16")
    viewer = opened("live")
    viewer.wait_ready(PATIENCE_S)
    pid = viewer.pid
    with StreamWriter(tmp_path, "camera", spec, slots=16) as writer:
        pane = viewer.follow(open_stream(tmp_path, "camera")).received(PATIENCE_S)
        written = 0
        for act in (None, signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL):
            if act is not None:
                os.kill(pid, act)
            begin = time.monotonic()
            for number in range(150):
                while time.monotonic() < begin + number / 500:
                    pass
                writer.write(frame, FrameHeader(frame=written), timeout_s=0)  # raises if it had to wait
                written += 1
            if act is None:
                assert poll_until(lambda: viewer.panes()[pane]["version"] > 0, PATIENCE_S)
        status = open_stream(tmp_path, "camera").status()
    assert status.produced == written == 600
    assert all(reader.balances for reader in status.readers)


def test_an_innocent_listener_beside_its_socket_lives(opened, name):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        viewer = opened("headless")
        viewer.wait_ready(PATIENCE_S)
        viewer.close(force=True)
        with socket.create_connection(listener.getsockname(), timeout=5) as there:
            assert there.getpeername() == listener.getsockname()


def test_kinds_name_classes_that_exist():
    from parfocal.processes.loading import load_object

    for kind, factory in KINDS.items():
        assert load_object(factory, kind).kind == kind
