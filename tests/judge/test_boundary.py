"""The judge's own rules: where exceptions are caught, and how long its files and functions are."""

import ast
from pathlib import Path

import pytest

import handgrad.judge
from handgrad import verify
from handgrad.judge import evidence

FOLDER = Path(handgrad.judge.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
NARROW = {"CodeError", "UnjudgeableError", "OutOfTimeError", "DerivationError", "EmptyError"}
CATCHES = {"calls.py"}  # the boundary itself


def handlers(file):
    """The exceptions that each handler of a file catches, as they are written."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            yield ast.unparse(node.type) if node.type else "everything"


def test_every_exception_is_caught_in_one_place():
    broad = {"Exception", "BaseException", "everything", "RuntimeError"}
    caught = {file.name for file in FILES if broad & set(handlers(file))}
    assert caught <= CATCHES | {"torch.py", "ways.py"}  # torch's engine refuses by a RuntimeError


def test_a_fault_of_the_judge_is_not_taken_for_one_of_the_code(monkeypatch):
    def broken(*_, **__):
        raise NameError("a fault of the judge")

    monkeypatch.setattr("handgrad.judge.stages.opinion_of_numbers", broken)
    with pytest.raises(NameError, match="a fault of the judge"):
        verify((lambda x: x * x, lambda dy, x: 2 * x * dy), [0.5, 1.5])
    assert evidence.opinion_of_numbers is not broken


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_a_file_has_at_most_400_lines(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


def test_a_function_has_at_most_40_lines_beside_its_docstring():
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                said = node.body[0].end_lineno - node.lineno if ast.get_docstring(node) else 0
                assert node.end_lineno - node.lineno - said < 40, f"{file.name}: {node.name}"
