"""Rows of a benchmark: numbers of any kind, and what could not be measured."""

from __future__ import annotations

import json
from importlib import import_module

import numpy as np
import pytest


@pytest.fixture
def reports():
    return import_module("_report")


def printed(reports, capsys, parts, *words):
    code = reports.run(parts, reports.parser("").parse_args(["--json", *words]))
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]


def test_numbers_of_numpy_are_written(reports, capsys):
    row = reports.Row("crosstalk", np.float64(1.5), "nm", "<= 2", "magtrack", np.float32(3))
    assert row.ok is True, "as numpy's own bool it cannot be written"
    code, rows = printed(reports, capsys, {"all": lambda _: [row]})
    assert code == 0
    assert rows == [
        {
            "name": "crosstalk",
            "value": 1.5,
            "unit": "nm",
            "wanted": "<= 2",
            "peer": "magtrack",
            "peer_value": 3.0,
            "ok": True,
            "ratio": 0.5,
            "failed": "",
        }
    ]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_null(reports, capsys, value):
    _, rows = printed(reports, capsys, {"all": lambda _: [reports.Row("bias", value, "nm", "<= 2")]})
    assert rows[0]["value"] is None
    assert rows[0]["failed"] == f"the number is {value}"
    assert rows[0]["ok"] is (value == -np.inf)


def test_a_peer_that_fails_is_a_row_that_says_so(reports, capsys):
    peer = reports.attempt(import_module, "not_installed_anywhere")
    row = reports.Row("speed", 2.0, "1/s", ">= 1", "other", peer)
    gain = reports.Row("gain", reports.following(2.0, peer, by=lambda own, its: own / its), "x", ">= 2")
    code, rows = printed(reports, capsys, {"all": lambda _: [row, gain]})
    assert code == 0
    reason = "ModuleNotFoundError: No module named 'not_installed_anywhere'"
    assert [one["failed"] for one in rows] == [reason, reason]
    assert [one["ok"] for one in rows] == [True, None]
    reports.run({"all": lambda _: [row, gain]}, reports.parser("").parse_args([]))
    assert f"other failed: {reason}" in capsys.readouterr().out


def test_a_part_that_breaks_off_leaves_the_others_and_the_exit_code(reports, capsys):
    def broken(_):
        yield reports.Row("before", 1, "")
        raise RuntimeError("no light")

    parts = {"one": broken, "two": lambda size: [reports.Row("after", size.of(3, 2, 1), "")]}
    code, rows = printed(reports, capsys, parts, "--short")
    assert code == 1
    assert [(row["name"], row["value"]) for row in rows] == [("before", 1), ("one", None), ("after", 1)]
    assert rows[1]["failed"] == "RuntimeError: no light"


def test_a_part_can_be_asked_for_alone(reports, capsys):
    parts = {name: lambda _, name=name: [reports.Row(name, 1, "")] for name in ("one", "two")}
    _, rows = printed(reports, capsys, parts, "--only", "two")
    assert [row["name"] for row in rows] == ["two"]
    with pytest.raises(SystemExit, match="--only three: there is one, two"):
        printed(reports, capsys, parts, "--only", "three")
