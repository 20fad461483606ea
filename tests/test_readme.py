"""What the README shows is what happens."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import handgrad
from handgrad.cli.entry import COMMANDS
from handgrad.rules import catalog

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```\n\n```output\n(.*?)```", README, re.DOTALL)
ALL = "\nprint('=' * 9)\n".join(code for code, _ in BLOCKS)
FAMILY = re.compile(r"\*\*([\w ]+)\*\*: ([\w, ]+)\.")
DIGITS = re.compile(r"\d+(?:\.\d+)?(?:e[+-]\d+)?(?: [µnm]?s\b)?")


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the blocks print, one after the other in one program, in a folder of their own."""
    folder = tmp_path_factory.mktemp("readme")
    program = folder / "readme.py"
    program.write_text(ALL, encoding="utf-8")
    command = [sys.executable, program.name]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", check=False, env=environment
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split("=========\n")


def without_digits(text):
    """Sizes of errors and times differ between machines, and so do the looks that it takes."""
    return re.sub(r"\s+", " ", DIGITS.sub("#", text)).strip()


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_prints_what_the_readme_says(printed, number):
    assert without_digits(printed[number]) == without_digits(BLOCKS[number][1])


def test_the_example_passes_once_it_is_mended(tmp_path):
    right = BLOCKS[0][0].replace("dy * (s + y),", "dy * (s + y * (1 - s)),")
    assert right != BLOCKS[0][0]
    program = tmp_path / "mended.py"
    program.write_text(right.replace(", verdict.diagnosis", ""), encoding="utf-8")
    command = [sys.executable, program.name]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout == "PASS\n"


def test_every_python_block_shows_its_output():
    assert README.count("```python\n") == len(BLOCKS) == README.count("```output\n")


def test_there_are_two_set_up_commands():
    assert len(re.findall(r"^    python3 -m venv ", README, re.MULTILINE)) == 2


def rows(header):
    """The rows of the table with this header: the first cell, and the names in the second."""
    table = README.partition(f"| {header} |")[2].partition("\n\n")[0]
    found = [line.strip("| ").split(" | ", 1) for line in table.splitlines()[2:]]
    return dict(found)


def test_the_tables_name_all_that_is_public():
    functions = rows("name | what it is")
    names = [re.match(r"`(\w+)", cell)[1] for cell in functions]
    assert sorted(names) == sorted(handgrad.HOMES)
    text = " ".join(README.partition("The rules by family. ")[2].partition("\n\n")[0].split())
    listed = {family: rules.split(", ") for family, rules in FAMILY.findall(text)}
    assert listed == {
        family.replace("_", " "): [cls.__name__ for cls in classes]
        for family, classes in catalog.families().items()
    }
    assert len(handgrad.__all__) == len(names) + sum(map(len, listed.values()))


def test_the_signatures_are_those_of_the_functions():
    for cell in rows("name | what it is"):
        name, arguments = re.match(r"`(\w+)\((.*)\)`", cell).groups()
        parameters = inspect.signature(getattr(handgrad, name)).parameters.values()
        assert arguments == ", ".join(
            str(p.replace(annotation=p.empty)) for p in parameters if p.kind != p.KEYWORD_ONLY
        )


def test_every_command_is_listed():
    text = README.partition("The commands. ")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`:", text) == list(COMMANDS)


def test_it_fits_200_lines():
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize(
    ("name", "heading", "form"),
    [("apples", "Buying two apples", "numbers"), ("sigmoid", "Sigmoid", "symbolic")],
)
def test_a_picture_is_what_draw_makes(name, heading, form):
    book = ROOT / "handgrad" / "derivation" / "book.md"
    drawn = handgrad.draw(f"{book}#{heading}", form=form).written_as(".svg")
    assert f"](.github/{name}.svg)" in README
    assert (ROOT / ".github" / f"{name}.svg").read_text(encoding="utf-8") == drawn
