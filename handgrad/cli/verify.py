"""handgrad verify: judge rules and check derivations; one verdict in full, or a table."""

import argparse
import contextlib
import itertools
import sys
import textwrap
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

import handgrad.derivation
from handgrad.cli import golden
from handgrad.cli.console import GREEN, RED, UsageError, coloured, note, progress, whole_number
from handgrad.cli.inputs import input_option
from handgrad.cli.targets import find_targets, name_what_to_judge
from handgrad.common import strict_json
from handgrad.common.parallel import side_by_side
from handgrad.common.text import many, number
from handgrad.derivation.report import HEADER, Derivation, check_scopes
from handgrad.judge.verdict import Verdict

REFUSED = "forward"  # the check that a forward runs at all
RULES = f"{'rule':<29}{'cases':>6}{'links':>6}{'vs JAX':>8}{'numbers':>8}   {'± bar':<8}verdict"
NOTATION = Path(handgrad.derivation.__file__).parent / "notation.md"
DESCRIPTION = """\
Judge rules by exact laws, by their own derivation, by JAX's gradient of an
independent reference, and by numerical derivatives; the last columns of the table
are shares of the gradient's scale. Check the derivations in files link by link."""
EPILOG = f"""\
a TARGET is
  a rule or a family of rules    ReLU, regression
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
        help="an input for code in a file: x=4x3, t=4:label:5, s=:positive:float32, m=4x3:const",
    )
    parser.add_argument(
        "--like",
        metavar="RULE",
        help="judge code in a file as this rule, such as Softmax or 'Softmax(axis=0)'",
    )
    parser.add_argument(
        "--strict", action="store_true", help="notes, and parameters not judged, are failures"
    )
    parser.add_argument(
        "--numbers",
        action="store_true",
        help="compare numbers also where exact arithmetic proves a whole derivation",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and no table")
    golden.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments):
    """0 if everything is right, 1 if something is wrong, 2 if a derivation cannot be read."""
    if arguments.golden or arguments.against:
        return golden.run(arguments)
    if not arguments.json:
        return _found(arguments, partial(print, flush=True)).status
    with contextlib.redirect_stdout(sys.stderr):  # what the judged code prints is not JSON
        results = _found(arguments, lambda _: None)
        text = strict_json.dumps(results.to_dict(), indent=2)
    print(text)
    return results.status


@dataclass
class _Results:
    """The verdicts and the checked derivations of one run."""

    seed: int
    rules: list[Verdict] = field(default_factory=list)
    derivations: list[Derivation] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def status(self):
        """The exit status."""
        if any(derivation.error for derivation in self.derivations):
            return 2
        return 1 if self.wrong else 0

    @property
    def wrong(self):
        """The names of what is not right."""
        names = [verdict.subject for verdict in self.rules if not verdict.ok]
        return names + [found.title for found in self.derivations if not found.ok]

    def to_dict(self):
        return {
            "ok": not self.wrong,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "rules": [verdict.to_dict() for verdict in self.rules],
            "derivations": [derivation.to_dict() for derivation in self.derivations],
        }

    def __str__(self):
        counts = []
        if self.rules:
            counts += [
                many(len(self.rules), "rule"),
                many(sum(v.cases for v in self.rules), "case"),
            ]
        if self.derivations:
            counts.append(many(len(self.derivations), "derivation"))
        links = sum(v.links for v in self.rules) + sum(len(d.links) for d in self.derivations)
        exact = sum(link.exact for d in self.derivations for link in d.links)
        counts.append(many(links, "link") + (f" ({exact} exact)" if exact else ""))
        outcome = f"not right: {', '.join(self.wrong)}" if self.wrong else "all pass"
        return f"{', '.join(counts)}, {self.seconds:.0f} s: {outcome}"


def _found(arguments, say):
    """Everything that was found, said as soon as it is there: one verdict in full, or a table."""
    like = _liked(arguments.like)
    targets = find_targets(arguments.targets, arguments.input, arguments.seed, like)
    if like is not None and not targets.subjects:
        raise UsageError(f"--like {arguments.like} is for code in a file: model.py::MyLayer")
    results = _Results(arguments.seed)
    begin = time.perf_counter()
    options = {"seed": arguments.seed, "strict": arguments.strict}
    alone = len(targets.classes) + len(targets.subjects) == 1 and not targets.scopes
    for name, verdicts in _judged(targets, options, like):
        if not results.rules and not alone:
            say(RULES)
        verdict = Verdict.combined(name, verdicts)
        say(_in_full(verdicts[0] if len(verdicts) == 1 else verdict) if alone else _row(verdict))
        results.rules.append(verdict)
    for derivation in _checked(targets.scopes, arguments.seed, arguments.numbers):
        if not results.derivations:
            say(HEADER)
        say(derivation.row(_painted))
        results.derivations.append(derivation)
    results.seconds = time.perf_counter() - begin
    if not alone:
        say(results)
    if targets.unjudged:
        note(f"only derivations were checked; {name_what_to_judge(targets.unjudged)}")
    return results


def _liked(text):
    """The rule that --like names, if any."""
    if text is None:
        return None
    from handgrad.cli.rules import rule_named

    return rule_named(text, "--like")


def _judged(targets, options, like):
    """The name of each rule and of each code in a file, with its verdicts, and progress.

    Rules are judged side by side; code in a file in this process, which has run the file.
    """
    of_rules = side_by_side(partial(_of_class, options=options), targets.classes)
    of_subjects = (_of_subject(subject, options, like) for subject in targets.subjects)
    names = [rule.__name__ for rule in targets.classes] + [code.name for code in targets.subjects]
    found = itertools.chain(of_rules, of_subjects)
    for i, name in enumerate(names):
        progress(f"{i}/{len(names)} {name}")
        verdicts = next(found)
        progress()
        yield name, verdicts


def _of_class(cls, options):
    """The verdicts on a rule of the package, with all of its variants."""
    from handgrad.judge.verify import verify
    from handgrad.rules import catalog

    return [verify(rule, **options) for rule in catalog.instances(cls)]


def _of_subject(subject, options, like):
    """The verdict on code in a file. Inputs that its forward does not take are the user's fault."""
    from handgrad.judge.verify import verify

    try:
        stated = {"like": like, "domains": subject.domains or None}
        verdict = verify(subject.subject, *subject.inputs.values(), **stated, **options)
    except (TypeError, ValueError) as error:
        hint = "" if subject.inputs or like is not None else "; add --input NAME=SHAPE for each"
        raise UsageError(f"{subject.name}: {error}{hint}") from None
    for finding in verdict.findings if subject.inputs else ():
        if finding.check == REFUSED:
            shapes = " and ".join(f"{n} {np.shape(x)}" for n, x in subject.inputs.items())
            raise UsageError(f"{subject.name} refuses these inputs, {shapes}: {finding.message}")
    return [verdict]


def _checked(scopes, seed, numbers):
    """Each derivation with its links checked, with progress."""
    for i, derivation in enumerate(check_scopes(scopes, seed, numbers=numbers)):
        progress()
        yield derivation
        if i + 1 < len(scopes):
            progress(f"{i + 1}/{len(scopes)} {scopes[i + 1].title}")


def _painted(status):
    return coloured(status, GREEN if status == "PASS" else RED)


def _status_of(verdict):
    return coloured(verdict.status.value, GREEN if verdict.ok else RED)


def _spoken_of(verdict):
    """What the verdict speaks of, where that is not all: x · W, b not judged."""
    if any(note.check == "derivation" for note in verdict.notes):
        return " · no derivation"
    if not verdict.not_judged:
        return ""
    return f" {', '.join(verdict.judged)} · {', '.join(verdict.not_judged)} not judged"


def _in_full(verdict):
    """The verdict as it prints itself, with its status in colour."""
    title = f"{verdict.subject}: "
    rest = str(verdict).removeprefix(f"{title}{verdict.status.value}")
    return f"{title}{_status_of(verdict)}{rest}"


def _row(verdict):
    row = f"{verdict.subject:<29.29}{verdict.cases:>6}{verdict.links:>6}{number(verdict.vs_jax):>8}"
    row += f"{number(verdict.vs_numbers):>8} ± {number(verdict.error_bar):<8}"
    exact = ", exact" if verdict.proof else ""
    rows = [row + _status_of(verdict) + exact + _spoken_of(verdict)]
    rows += map(_indented, verdict.told(verdict.failures))
    if not verdict.ok and verdict.script:
        rows += ["    to see it, run", textwrap.indent(verdict.script, "      ")]
    return "\n".join(rows)


def _indented(text):
    return textwrap.fill(str(text), 80, initial_indent="    ", subsequent_indent="      ")
