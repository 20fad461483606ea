"""The command line as its user sees it: `handgrad verify`, and what all commands share."""

import importlib.metadata
import json
import os
import pty
import re

import numpy as np
import pytest

from handgrad import __version__, check, compare, draw, rules
from handgrad.cli import entry
from handgrad.exact.proof import Proof
from handgrad.judge.verdict import Verdict
from handgrad.rules import catalog
from tests.digits import finished, python

COLOUR = "\033[3"
NOTES = """# Right

```derivation
x : (N)
y = exp(x)
dx = dy * y
```

# Wrong

```derivation
x : (N, D)
y = sum(x, axis=0)
dx = dy
```
"""


@pytest.fixture
def wrong_negate(monkeypatch):
    monkeypatch.setattr(rules.Negate, "backward", lambda _self, _residuals, dy: (-2 * dy,))


def on_a_terminal(*arguments, **environment):
    """What a command writes when its output goes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {"NO_COLOR": "", "TERM": "xterm"} | environment
    process = python("-m", "handgrad", *arguments, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return written.decode()


def test_verify_prints_one_line_for_each_rule_of_a_family(handgrad):
    status, output, errors = handgrad("verify", "arithmetic")
    header, *rows, summary = output.splitlines()
    assert (status, errors) == (0, "")
    assert header.split()[:2] == ["rule", "cases"]
    assert [row.split()[0] for row in rows] == sorted(rules.arithmetic.__all__)
    assert all(row.endswith(("PASS", "PASS, exact")) for row in rows)
    assert re.fullmatch(rf"{len(rows)} rules, \d+ cases, .*\d+ s: all pass", summary)


def test_verify_takes_names_in_any_case_and_each_rule_once(handgrad):
    _, output, _ = handgrad("verify", "negate", "EXP", "Negate", "Exp")
    assert [row.split()[0] for row in output.splitlines()[1:-1]] == ["Negate", "Exp"]


def test_verify_alone_judges_every_rule_in_80_columns(handgrad, monkeypatch):
    def widest(rule, *, seed, **_):
        return Verdict(
            repr(rule),
            seed,
            cases=999,
            vs_jax=1.2e-16,
            vs_numbers=1.2e-13,
            error_bar=1.2e-12,
            proof=Proof(proved=True),
        )

    monkeypatch.setattr("handgrad.common.parallel._processors", lambda: 1)
    monkeypatch.setattr("handgrad.judge.verify.verify", widest)
    status, output, _ = handgrad("verify")
    names = [cls.__name__ for classes in catalog.families().values() for cls in classes]
    assert status == 0
    rows = output.splitlines()[1 : 1 + len(names)]
    assert [row.split()[0] for row in rows] == [name[:29] for name in names]
    assert max(map(len, output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("Sigmod", "Sigmoid"), ("arithmetics", "arithmetic"), ("batchnorm2", "BatchNorm2d")],
)
def test_an_unknown_rule_is_answered_with_the_nearest_ones(handgrad, name, nearest):
    status, output, errors = handgrad("verify", "Exp", name)
    assert (status, output) == (2, "")
    assert errors.startswith(f"handgrad: there is no rule or family {name!r}: did you mean ")
    assert nearest in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("command", ["verify", "draw", "show"])
def test_a_directory_is_called_one(handgrad, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    said = "handgrad: notes is a directory: name a file in it\n"
    assert handgrad(command, "notes") == (2, "", said)


def test_a_name_like_no_other_is_answered_with_where_to_look(handgrad):
    status, _, errors = handgrad("verify", "xyzzy")
    assert status == 2
    assert errors == "handgrad: there is no rule or family 'xyzzy': see --help\n"


def test_a_wrong_rule_is_named_and_makes_the_status_1(handgrad, wrong_negate):
    status, output, _ = handgrad("verify", "Exp", "Negate")
    lines = output.splitlines()
    assert status == 1
    assert lines[1].endswith("PASS, exact")
    assert lines[2].startswith("Negate ")
    assert lines[2].endswith("WRONG")
    assert lines[3].startswith("    the gradient of input 0 (x) is 2 times the right one")
    assert lines[-1].endswith("not right: Negate")


def test_json_says_what_the_table_says(handgrad):
    status, output, errors = handgrad("verify", "Exp", "Affine", "--json", "--seed", "7")
    whole = json.loads(output)
    assert (status, errors) == (0, "")
    assert whole["ok"] is True
    assert whole["seed"] == 7
    assert [rule["subject"] for rule in whole["rules"]] == ["Exp", "Affine"]
    for rule in whole["rules"]:
        assert rule["ok"] is True
        assert rule["status"] == "PASS"
        assert rule["seed"] == 7
        assert rule["cases"] > 0
        assert 0 <= rule["vs_numbers"] <= rule["error_bar"]
        assert rule["findings"] == []


def test_json_of_a_wrong_rule_is_not_ok(handgrad, wrong_negate):
    status, output, _ = handgrad("verify", "Exp", "Negate", "--json")
    whole = json.loads(output)
    assert status == 1
    assert whole["ok"] is False
    assert [rule["ok"] for rule in whole["rules"]] == [True, False]
    assert {finding["status"] for finding in whole["rules"][1]["findings"]} == {"WRONG"}


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


WRONG_FORWARDS = {
    "infinite": lambda _self, x: (np.exp(x) + np.inf, (np.exp(x),)),
    "of another shape": lambda _self, x: (np.exp(x)[None], (np.exp(x),)),
}


@pytest.mark.parametrize("kind", WRONG_FORWARDS)
def test_a_rule_whose_output_is_absurd_is_reported_in_strict_json(handgrad, monkeypatch, kind):
    monkeypatch.setattr(rules.Exp, "forward", WRONG_FORWARDS[kind])
    monkeypatch.setattr(
        rules.Exp, "backward", lambda _self, y, dy: (y[0] * dy.reshape(y[0].shape),)
    )
    status, output, _ = handgrad("verify", "Exp", "--json")
    assert status == 1
    assert json.loads(output, parse_constant=refuse)["ok"] is False


def numbers_at(handgrad, seed):
    _, output, _ = handgrad("verify", "Power", "--json", "--seed", seed)
    (rule,) = json.loads(output)["rules"]
    return rule["vs_jax"], rule["vs_numbers"], rule["error_bar"]


def test_the_seed_decides_the_numbers(handgrad):
    assert numbers_at(handgrad, 1) == numbers_at(handgrad, 1)
    assert numbers_at(handgrad, 1) != numbers_at(handgrad, 2)


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", "", "9" * 5000])
def test_a_seed_that_is_not_a_whole_number_is_shown(handgrad, seed):
    for command in (("verify",), ("train", "--mnist", ".")):
        status, output, errors = handgrad(*command, f"--seed={seed}")
        assert (status, output) == (2, "")
        assert f"argument --seed: {seed[:40]!r} is not a whole number from 0" in errors


def test_a_terminal_gets_colour_and_progress():
    written = on_a_terminal("verify", "Negate")
    assert "\033[32mPASS\033[0m" in written
    assert "\r\033[K0/1 Negate" in written


def test_no_color_is_obeyed_on_a_terminal(tmp_path):
    path = tmp_path / "square.md"
    path.write_text("```derivation\nx : (N)\ny = x**2\ndx = 2 * dy * x\n```\n")
    written = on_a_terminal("verify", path, NO_COLOR="1")
    assert "PASS" in written
    assert COLOUR not in written


def test_a_pipe_gets_neither_colour_nor_progress():
    process = python("-m", "handgrad", "verify", "Negate", env={"NO_COLOR": ""})
    status, output, errors = finished(process)
    assert (status, errors) == (0, "")
    assert "PASS" in output
    assert "\033" not in output


def closed(process, lines):
    """The exit status and the error output of a process whose reader leaves after some lines."""
    with process:
        for _ in range(lines):
            assert process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    return process.returncode, errors


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("verify", "Negate", "Exp"), 1),
        (("verify", "Negate", "Exp"), 3),
        (("verify", "Negate", "--json"), 0),
        (("--help",), 0),
    ],
)
def test_a_closed_pipe_is_not_an_error(arguments, lines):
    assert closed(python("-m", "handgrad", *arguments), lines) == (0, "")


def test_the_script_handgrad_is_the_command_line():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="handgrad")
    assert script.load() is entry.main


def test_python_m_handgrad_passes_the_exit_status_on():
    status, output, errors = finished(python("-m", "handgrad", "verify", "Sigmod"))
    assert (status, output) == (2, "")
    assert errors.startswith("handgrad: there is no rule or family 'Sigmod'")


def test_help_lists_the_commands(handgrad):
    status, output, _ = handgrad("--help")
    assert status == 0
    assert "verify" in output
    assert "train" in output


@pytest.mark.parametrize("arguments", [("prove",), ("verify", "--fast"), ("verify", "--js")])
def test_a_command_line_that_is_wrong_is_answered_with_its_usage(handgrad, arguments):
    status, output, errors = handgrad(*arguments)
    assert (status, output) == (2, "")
    assert errors.startswith("usage: handgrad")


def test_no_command_at_all_is_answered_with_the_help(handgrad):
    status, output, errors = handgrad()
    assert (status, output) == (2, "")
    _, whole, _ = handgrad("--help")
    assert errors == f"{whole}\nhandgrad: error: name a command\n"


def test_the_version_is_that_of_the_package(handgrad):
    assert handgrad("--version") == (0, f"handgrad {__version__}\n", "")


ERRORS = {
    ("verify", "Sigmod"): "there is no rule or family 'Sigmod'",
    ("verify", "nowhere.md"): "nowhere.md: No such file or directory",
    ("verify", "ReLU", "--seed", "x"): "argument --seed: 'x' is not a whole number",
    ("verify", "--golden", "nowhere.npz"): "nowhere.npz cannot be read",
    ("verify", "--golden", "nowhere.npz", "--strict"): "--golden FILE is compared as it is: leave",
    ("verify", "model.py::"): "model.py:: names no code: write model.py::NAME",
    ("verify", "--fast"): "unrecognized arguments: --fast",
    ("compare", "Sigmod"): "there is no rule or family 'Sigmod'",
    ("compare",): "the following arguments are required: TARGET",
    ("draw", "Sigmod"): "unrecognized arguments: --json",
    ("prove",): "argument COMMAND: invalid choice: 'prove'",
    (): "the following arguments are required: COMMAND",
}


@pytest.mark.parametrize("arguments", ERRORS, ids=" ".join)
def test_errors_with_json_are_json(handgrad, arguments):
    status, output, errors = handgrad(*arguments, "--json")
    whole = json.loads(output)
    assert (status, errors) == (2, "")
    assert whole.keys() == {"ok", "error"}
    assert whole["ok"] is False
    assert whole["error"].startswith(ERRORS[arguments])
    assert "\n" not in whole["error"]


def test_a_targets_control_characters_do_not_reach_the_terminal(handgrad):
    _, _, errors = handgrad("verify", "a\033[2K\u202eb\nc.md")
    assert (
        errors == "handgrad: a\N{REPLACEMENT CHARACTER}[2K\N{REPLACEMENT CHARACTER}b c.md: "
        "No such file or directory\n"
    )


@pytest.mark.parametrize("target", ["x : (N) = 1\ny = 2" * 300, "a::b" * 2000, "a#b" * 2000])
def test_a_text_in_the_place_of_a_target_is_not_a_file(handgrad, target):
    status, _, errors = handgrad("verify", target)
    assert status == 2
    assert errors.count("\n") == 1


def test_a_rule_with_variants_is_printed_in_full_as_one(handgrad):
    _, output, _ = handgrad("verify", "Softmax")
    assert len(catalog.instances(rules.Softmax)) > 1
    assert output.startswith("Softmax: PASS, exact\n  ")
    assert "\n  against JAX " in output


def test_a_checked_text_is_printed_as_it_prints_itself(handgrad, tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(NOTES, encoding="utf-8")
    _, output, _ = handgrad("verify", path)
    assert without_time(output) == without_time(f"{check(path)}\n")


def without_time(text):
    return re.sub(r"\d+ s: ", "", text)


def test_a_comparison_is_printed_as_it_prints_itself(handgrad, monkeypatch):
    compared = compare(rules.Exp(), {"...": (5,)})
    monkeypatch.setattr("handgrad.comparison.compare", lambda *_, **__: compared)
    assert handgrad("compare", "Exp") == (0, f"{compared}\n", "")


def test_a_drawing_is_printed_as_it_prints_itself(handgrad):
    assert handgrad("draw", "Sigmoid") == (0, f"{draw(rules.Sigmoid())}\n", "")


def test_every_variant_of_a_rule_is_judged(handgrad, monkeypatch):
    judged = []

    def noted(rule, *, seed, **_):
        judged.append((rule, seed))
        return Verdict(repr(rule), seed, cases=1)

    monkeypatch.setattr("handgrad.judge.verify.verify", noted)
    handgrad("verify", "CrossEntropy", "--seed", "3")
    variants = catalog.instances(rules.CrossEntropy)
    assert len(variants) > 1
    assert judged == [(rule, 3) for rule in variants]


def test_the_table_shows_the_findings_below_their_rule(handgrad, wrong_negate):
    _, output, _ = handgrad("verify", "Negate", "Exp")
    above, below = output.index("\nNegate "), output.index("\nExp ")
    findings = " ".join(output[above:below].split())
    error = r"of input 0 \(x\) is off by \d\.\de[+-]\d\d of its size"
    assert re.search(f"WRONG, against JAX: the gradient {error}", findings)
    table, _, _ = output.partition("    to see it, run")
    assert max(map(len, table.splitlines())) <= 80
