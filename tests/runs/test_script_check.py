"""What is found in a script before it runs: each problem with its line, and nothing that may be right."""

from __future__ import annotations

import textwrap
from typing import Literal

import pytest

from parfocal.ipc import CommandTable, command
from parfocal.rig.listing import command_listing
from parfocal.rig.opening import config_of
from parfocal.rig.scripts import check_script, checked_script, lab_methods
from parfocal.runs.scripts.check import check
from parfocal.runs.scripts.script_source import ScriptSource, read_script


class Magnet:
    @command()
    def move_to(self, position_nm: float, *, speed: float = 1.0) -> float: ...

    @command(effect="reads")
    def position(self) -> float: ...

    @command()
    def turn(self, wave: Literal["sin", "ramp"]) -> None: ...

    @command(script=False)
    def fail(self, how: str) -> None: ...


SERVICES = {"magnet": CommandTable.of(Magnet).describe(), "tracker": ()}


def found(text: str) -> list[str]:
    checked = check(textwrap.dedent(text), SERVICES, lab_methods(), file="s.py")
    return [f"{problem.line}: {problem.message}" for problem in checked.problems]


def in_main(*lines: str) -> str:
    return "def main(lab):\n" + "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lab['magnt'].position()", "the rig has no service 'magnt'; did you mean 'magnet'?"),
        ("lab.magnt.position()", "lab has no 'magnt'; did you mean 'magnet'?"),
        ("lab['magnet'].positon()", "service 'magnet' has no command 'positon'; did you mean 'position'?"),
        ("lab.magnet.fail('x')", "magnet.fail is not for scripts"),
        ("lab.magnet.move_to()", "magnet.move_to: position_nm is missing"),
        ("lab.magnet.move_to(1, 2)", "magnet.move_to: it takes 1 positional arguments, not 2"),
        ("lab.magnet.move_to(1, position_nm=2)", "magnet.move_to: it gets 'position_nm' twice"),
        ("lab.magnet.move_to('up')", "magnet.move_to: position_nm must be float, not 'up'"),
        ("lab.magnet.turn('sine')", "magnet.turn: wave must be 'sin' or 'ramp', not 'sine'"),
        ("lab.magnet.submit('move', 5)", "service 'magnet' has no command 'move'; did you mean 'move_to'?"),
        ("lab.magnet.submit('move_to')", "magnet.move_to: position_nm is missing"),
        ("lab.sleep()", "lab.sleep: missing a required argument: 'seconds'"),
        ("lab.ramp_force(start=1)", "lab.ramp_force: missing a required argument: 'start_pn'"),
        ("lab.aquire()", "lab has no 'aquire'; did you mean 'acquire'?"),
        ("x = lab['magnet'].position", None),
        ("lab.magnet.move_to(5, timeout_s=3)", None),
        ("lab.magnet.move_to(*values)", None),
        ("lab.magnet.move_to(**values)", None),
        ("lab[name].nothing()", None),
        ("lab.run({}).wait()", None),
        ("print(lab.services, lab.status())", None),
    ],
)
def test_a_line_is_judged(line: str, said: str | None) -> None:
    assert found(in_main("pass", line)) == ([] if said is None else [f"3: {said}"])


def test_services_are_found_through_names_that_are_given_once() -> None:
    text = """\
        MAGNET = "magnet"

        def helper(lab, magnet):
            magnet.anything()           # a parameter: nobody knows what it is
            lab[MAGNET].nowhere()

        def colours(lab):
            return lab.shape            # nobody gives it the lab: another one

        def main(lab):
            helper(lab, None)
            magnet = lab[MAGNET]
            other = magnet
            def inner():
                other.nothing()
            either = lab.magnet
            if inner:
                either = object()
            either.whatever()           # two values: left for when it runs
            for tracker in []:
                tracker.whatever()
            [magnet.never() for _ in ()]
        """
    words = "did you mean|known"
    lines = found(text)
    assert [line.partition(":")[0] for line in lines] == ["5", "15", "22"], words
    assert all("service 'magnet' has no command" in line for line in lines)


def test_the_lab_is_what_main_calls_it() -> None:
    assert found("def main(rig):\n    rig['nothing']\n    lab['anything']\n") == [
        "2: the rig has no service 'nothing'; known: magnet, tracker"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: a script needs a function `def main(lab)`"),
        (
            "def main():\n    pass\n",
            "1: a script needs a function `def main(lab)`: it is called with the lab alone",
        ),
        ("\ndef main(lab, more):\n    pass\n", "2: a script needs"),
        ("def main(lab, *, more):\n    pass\n", "1: a script needs"),
        (
            "async def main(lab):\n    pass\n",
            "1: a script needs a function `def main(lab)`, which is neither",
        ),
        ("main = 5\n", "1: a script needs"),
        ("def main(lab):\n    pass\nif\n", "3: it is no Python: invalid syntax"),
        ("def main(lab):\n    x = '\0'\n", "1: it is no Python"),
    ],
)
def test_what_is_no_script_is_refused(text: str, said: str) -> None:
    (problem,) = found(text)
    assert problem.startswith(said)


def test_what_it_changes_is_known() -> None:
    text = in_main("lab.magnet.position()", "lab.tracker")
    assert check(text, SERVICES, lab_methods()).changes == ()
    text = in_main("magnet = lab.magnet", "magnet.submit('move_to', 5)")
    assert check(text, SERVICES, lab_methods()).changes == ("magnet",)


def test_every_service_of_a_rig_but_the_runs_is_offered() -> None:
    services = command_listing(config_of("tweezers"))
    text = in_main("lab['tracker'].find_beads()", "lab['runs'].statuses()")
    (problem,) = check_script(ScriptSource("/s.py", text), services).problems
    assert (problem.line, "no service 'runs'" in problem.message) == (3, True)


def test_a_script_is_read_with_the_modules_beside_it(tmp_path) -> None:
    (tmp_path / "script.py").write_text("import helper, os\nfrom pack import inner\ndef main(lab): ...\n")
    (tmp_path / "helper.py").write_text("import further\nimport script\n")
    (tmp_path / "further.py").write_text("")
    (tmp_path / "unused.py").write_text("")
    (tmp_path / "pack").mkdir()
    for name in ("__init__.py", "inner.py"):
        (tmp_path / "pack" / name).write_text(f"# {name}")
    read = read_script(tmp_path / "script.py")
    assert set(read.helpers) == {"helper.py", "further.py", "pack/__init__.py", "pack/inner.py"}
    assert set(read.hashes()) == {"script.py", *read.helpers}


def test_a_script_that_is_not_there_or_wrong_is_told(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"none\.py can't be read"):
        read_script(tmp_path / "none.py")
    (tmp_path / "bad.py").write_text(in_main("lab.magnt", "lab.nothing"))
    with pytest.raises(ValueError, match=r"bad\.py:2: .*magnt[^\n]*\n.*bad\.py:3: "):
        checked_script(tmp_path / "bad.py", SERVICES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def main(lab):\n    pass\nreturn 5\n", ["3: it is no Python: 'return' outside function"]),
        ("def main(lab):\n    break\n", ["2: it is no Python: 'break' outside loop"]),
        ("def main(lab):\n    x = " + "-" * 200_000 + "1\n", ["1: it is nested too deeply for Python"]),
    ],
)
def test_what_only_the_compiler_of_python_finds_is_told(text, said) -> None:
    assert found(text) == said


def test_a_script_may_begin_with_the_mark_of_an_editor(tmp_path) -> None:
    (tmp_path / "script.py").write_bytes(b"\xef\xbb\xbf" + in_main("pass").encode())
    assert found(read_script(tmp_path / "script.py").text) == []


def test_a_module_that_python_itself_goes_before_is_not_recorded_as_used(tmp_path) -> None:
    (tmp_path / "random.py").write_text("")
    (tmp_path / "mine.py").write_text("")
    (tmp_path / "script.py").write_text("import mine, random\n" + in_main("pass"))
    assert list(read_script(tmp_path / "script.py").helpers) == ["mine.py"]
