"""``parfocal check``: the contract suites on a device of one's own."""

import json
from pathlib import Path

import pytest

from parfocal.cli.app import run


@pytest.fixture(autouse=True)
def _in_a_folder_with_devices(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1] / "devices")
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "devices")


def verdicts(capsys, *arguments):
    code = run(["check", *arguments, "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    return code, told["kind"], {promise["promise"]: promise["outcome"] for promise in told["promises"]}


def test_a_good_camera_keeps_every_promise_that_can_be_tried(capsys):
    code, kind, outcomes = verdicts(capsys, "gadgets:HomeMadeCamera", "width_px=8")
    assert (code, kind) == (0, "camera")
    assert set(outcomes.values()) == {"kept", "not tried"}
    assert outcomes["a_count_ends_by_itself"] == "kept"


def test_a_broken_promise_is_told_with_the_line_that_shows_it(capsys):
    assert run(["check", "gadgets:ForgetfulCamera"]) == 1
    out = capsys.readouterr().out
    assert "assert numbers == list(range(numbers[0], numbers[0] + 4))" in out
    assert "1 broken" in out


def test_nothing_moves_and_no_light_goes_on_unless_asked(capsys):
    _, _, still = verdicts(capsys, "simulated-stage")
    assert still["it_goes_where_it_is_sent"] == "not tried"
    assert still["beyond_the_limits_it_does_not_move"] == "kept"
    fast = 'axes={"x": {"speed": 1e4}}'
    code, kind, moved = verdicts(capsys, "gadgets:QuickStage", fast, "--move")
    assert (code, kind) == (0, "stage")
    assert moved["it_goes_where_it_is_sent"] == "kept"
    _, _, dark = verdicts(capsys, "simulated-light")
    assert dark["safe_is_off"] == "not tried"
    code, kind, lit = verdicts(capsys, "simulated-light", "--light")
    assert (code, kind, lit["safe_is_off"]) == (0, "light", "kept")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("gadgets:HomeMadeCamra", "has no 'HomeMadeCamra'"),
        ("gadgets:Paperweight", "is no camera, stage, light, set of channels or modulator"),
        ("gadgets:HomeMadeCamera with_px=3", "did you mean 'width_px'"),
    ],
)
def test_what_cannot_be_tried_says_why(capsys, address, words):
    assert run(["check", *address.split()]) == 2
    assert words in capsys.readouterr().err
