"""Parts of the script editor without a window: colours, indents, logs, and the gallery."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import parfocal
from parfocal.app.desktop.script_editor.gallery import read_gallery
from parfocal.app.desktop.script_editor.indents import block_commented
from parfocal.app.desktop.script_editor.python_tokens import tokens_of
from parfocal.app.desktop.script_editor.script_draft import NEW_TEXT
from parfocal.rig.scripts import check_script
from parfocal.runs.scripts.script_source import ScriptSource, read_script, script_of

SOURCE = Path(parfocal.__file__).parent


def coloured(text):
    """Return all tokens of a text: line, start, length and kind."""
    found, inside = [], ""
    for number, line in enumerate(text.splitlines()):
        tokens, inside = tokens_of(line, inside)
        found += [(number, *token) for token in tokens]
    return found, inside


@given(st.text(alphabet="ab1 .'\"\\#=()\n@frlm", max_size=80), st.sampled_from(["", "'''", '"""']))
def test_tokens_lie_in_their_line_one_after_the_other(text, inside):
    for line in text.splitlines():
        tokens, inside = tokens_of(line, inside)
        place = 0
        for token in tokens:
            assert place <= token.start
            assert token.length >= 0
            place = token.start + token.length
        assert place <= len(line)


@pytest.mark.parametrize(
    "file", ["runs/machine/machine.py", "runs/plans/grid.py", "cli/app.py", "rig/lab.py"]
)
def test_texts_and_comments_are_those_of_python(file):
    text = (SOURCE / file).read_text(encoding="utf-8")
    found, inside = coloured(text)
    assert not inside
    comments = {(line, start) for line, start, _, kind in found if kind == "comment"}
    texts = {(line, start) for line, start, _, kind in found if kind == "text"}
    within = 0  # f-strings: from Python 3.12 on the texts in them are tokens of their own
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line, start = token.start[0] - 1, token.start[1]
        name = tokenize.tok_name[token.type]
        if name == "COMMENT":
            assert (line, start) in comments, token
        if name in ("STRING", "FSTRING_START") and not within:
            assert (line, start) in texts, token
        within += (name == "FSTRING_START") - (name == "FSTRING_END")


def test_lines_are_commented_out_and_in_again():
    lines = ["    a = 1", "", "        b = 2  # why", "    # c"]
    assert block_commented(block_commented(lines)) == lines


def test_the_gallery_is_that_of_the_examples_and_comes_with_the_package():
    scripts = read_gallery()
    assert len(scripts) >= 10
    assert all(script.title and "def main(lab)" in script.text for script in scripts)
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert '"examples/scripts" = "parfocal/app/desktop/script_editor/gallery"' in project
    assert not check_script(ScriptSource("new.py", NEW_TEXT), {}).problems


def test_a_script_that_is_not_saved_has_the_modules_beside_its_file(tmp_path):
    (tmp_path / "helper.py").write_text("A = 1\n")
    file = tmp_path / "pull.py"
    file.write_text("def main(lab): ...\n")
    text = "import helper\ndef main(lab):\n    print(helper.A)\n"
    assert script_of(file, text).helpers == {"helper.py": "A = 1\n"}
    assert read_script(file).helpers == {}
    assert script_of(file, text).text == text
