"""handgrad verify: judge rules and check derivations, and print one line for each."""

import argparse
import json
import textwrap
import time
from functools import partial
from pathlib import Path

import handgrad.derivation
from handgrad.cli import golden
from handgrad.cli.console import GREEN, RED, UsageError, coloured, progress, whole_number
from handgrad.cli.subjects import input_option
from handgrad.cli.targets import find_targets
from handgrad.common.text import many, number
from handgrad.derivation.report import HEADER, check_scopes
from handgrad.rules import catalog

RULES = f"{'rule':<29}{'cases':>6}{'links':>6}{'vs JAX':>8}{'numbers':>8}   {'± bar':<8}verdict"
NOTATION = Path(handgrad.derivation.__file__).parent / "notation.md"
DESCRIPTION = """\
Judge rules by exact laws, by their own derivation, by JAX's gradient of an
independent reference, and by numerical derivatives; the last columns of the table
are shares of the gradient's scale. Check the derivations in files link by link."""
EPILOG = f"""\
a TARGET is
  a rule or a family of rules    ReLU, losses
  a Markdown file, or a part     notes.md, notes.md#Heading: the blocks ```derivation
  a Python file                  model.py: the docstrings' derivations
  code in a file                 model.py::MyRule: a rule, a layer, a pair (f, vjp), a
                                 JAX function or torch Function; the file is run
  -                              the standard input
The notation of derivations is described in
  {NOTATION}"""


def add_parser(commands):
    parser = commands.add_parser(
        "verify",
        help="judge rules, and check derivations line by line",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="what to verify; everything")
    parser.add_argument("--seed", type=whole_number, default=0, help="of what is drawn (0)")
    parser.add_argument(
        "--input",
        action="append",
        type=input_option,
        default=[],
        metavar="NAME=SHAPE",
        help="an input for code in a file: x=4x3, t=4:label(5), s=:positive:float32",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and no table")
    golden.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments):
    """0 if everything is right, 1 if something is wrong, 2 if a derivation cannot be read."""
    if arguments.golden or arguments.against:
        return golden.run(arguments)
    targets = find_targets(arguments.targets, arguments.input, arguments.seed)
    say = (lambda _: None) if arguments.json else (lambda text: print(text, flush=True))
    begin = time.perf_counter()
    rules = list(_judged(targets, arguments.seed, say))
    derivations = list(_checked(targets.scopes, arguments.seed, say))
    seconds = time.perf_counter() - begin
    if arguments.json:
        print(_as_json(rules, derivations, arguments.seed, seconds))
    else:
        print(_summary(rules, derivations, seconds))
    if any(derivation.error for derivation in derivations):
        return 2
    return 0 if all(rules) and all(derivation.ok for derivation in derivations) else 1


def _judged(targets, seed, say):
    """A verdict on each rule, and on code in files; a row is said as soon as it is there."""
    from handgrad.judge.verdict import Verdict

    jobs = [(cls.__name__, partial(_of_class, cls, seed)) for cls in targets.classes]
    jobs += [(subject.name, partial(_of_subject, subject, seed)) for subject in targets.subjects]
    for i, (name, judge) in enumerate(jobs):
        if i == 0:
            say(RULES)
        progress(f"{i}/{len(jobs)} {name}")
        verdict = Verdict.combined(name, judge())
        progress()
        say(_rule_row(verdict))
        yield verdict


def _of_class(cls, seed):
    """The verdicts on a rule of the package, with all of its variants."""
    from handgrad.judge.verify import verify

    return [verify(rule, seed=seed) for rule in catalog.instances(cls)]


def _of_subject(subject, seed):
    """The verdict on code in a file."""
    from handgrad.judge.verify import verify

    try:
        return [verify(subject.subject, *subject.inputs, seed=seed)]
    except (TypeError, ValueError) as error:
        hint = "" if subject.inputs else "; add --input NAME=SHAPE for each"
        raise UsageError(f"{subject.name}: {error}{hint}") from None


def _checked(scopes, seed, say):
    """Each derivation with its links checked."""
    if scopes:
        say(HEADER)
    for i, derivation in enumerate(check_scopes(scopes, seed)):
        progress()
        say(derivation.row(_painted))
        if i + 1 < len(scopes):
            progress(f"{i + 1}/{len(scopes)} {scopes[i + 1].title}")
        yield derivation


def _painted(status):
    return coloured(status, GREEN if status == "PASS" else RED)


def _rule_row(verdict):
    status = coloured(verdict.status.value, GREEN if verdict.ok else RED)
    row = f"{verdict.subject:<29.29}{verdict.cases:>6}{verdict.links:>6}{number(verdict.vs_jax):>8}"
    row += f"{number(verdict.vs_numbers):>8} ± {number(verdict.error_bar):<8}{status}"
    rows = [row, *(_indented(finding) for finding in verdict.findings)]
    if not verdict.ok and verdict.diagnosis:
        rows.append(_indented(verdict.diagnosis))
    if not verdict.ok and verdict.script:
        rows += ["    to see it, run", textwrap.indent(verdict.script, "      ")]
    return "\n".join(rows)


def _indented(text):
    return textwrap.fill(str(text), 80, initial_indent="    ", subsequent_indent="      ")


def _summary(rules, derivations, seconds):
    counts = []
    if rules:
        counts += [many(len(rules), "rule"), many(sum(v.cases for v in rules), "case")]
    if derivations:
        counts.append(many(len(derivations), "derivation"))
    links = sum(v.links for v in rules) + sum(len(d.links) for d in derivations)
    wrong = [v.subject for v in rules if not v.ok] + [d.title for d in derivations if not d.ok]
    outcome = f"not right: {', '.join(wrong)}" if wrong else "all pass"
    return f"{', '.join([*counts, many(links, 'link')])}, {seconds:.0f} s: {outcome}"


def _as_json(rules, derivations, seed, seconds):
    whole = {
        "ok": all(rules) and all(derivation.ok for derivation in derivations),
        "seed": seed,
        "seconds": round(seconds, 3),
        "rules": [verdict.to_dict() for verdict in rules],
        "derivations": [derivation.to_dict() for derivation in derivations],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2)
