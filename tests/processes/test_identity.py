"""What a process is called: by its service, or by its script."""

import subprocess
import sys

import pytest

from parfocal.core.clock import poll_until
from parfocal.processes import identity

ASK = "from parfocal.processes import identity; print(identity.this_program())"


@pytest.mark.parametrize(
    ("argument", "name"),
    [("/some/where/view.py", "view.py"), ("/x/parfocal/__main__.py", "parfocal"), ("", "python")],
)
def test_a_script_is_called_by_its_file(argument, name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [argument])
    assert identity.this_program() == name


def test_a_service_is_called_by_its_name():
    code = f"from parfocal.processes.identity import give_title; give_title('tweezers', 'tracker-1'); {ASK}"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "tracker-1"
    assert subprocess.check_output([sys.executable, "-c", ASK], text=True).strip() == "python"


BESIDE_A_THREAD = """
import threading, time
def wait():
    time.sleep(600)
def work():
    while True: pass
threading.Thread(target=%s, daemon=True).start()
print(flush=True)
wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
@pytest.mark.parametrize("work", ["work", "wait"])
def test_a_process_wants_a_processor_if_one_of_its_threads_does(work):
    with subprocess.Popen([sys.executable, "-c", BESIDE_A_THREAD % work], stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        assert poll_until(lambda: identity.wants_processor(program.pid) is (work == "work"), 60.0)
        program.kill()


def test_a_process_that_cannot_be_looked_at_is_not_dead(monkeypatch):
    mine = identity.this_process()

    def no_descriptors(pid):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(identity, "start_mark", no_descriptors)
    assert mine.alive
    assert not mine.kill()


def test_a_process_of_another_container_is_not_dead_but_one_of_another_boot_is():
    pid, mark = identity.this_process()
    elsewhere = f"{mark[:3]}{int(mark[3:7], 16) ^ 1:04x}{mark[7:]}"
    before = f"{int(mark[:3], 16) ^ 1:03x}{mark[3:]}"
    assert identity.Identity(pid, elsewhere).alive
    assert not identity.Identity(pid, elsewhere).kill()
    assert not identity.Identity(pid, before).alive
