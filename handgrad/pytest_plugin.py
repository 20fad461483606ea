"""handgrad in other people's test suites.

`assert handgrad.verify(...)` and `assert handgrad.check(...)` show the whole verdict when they fail,
and its first line in the short summary. The fixture `handgrad_seed` is
what `--handgrad-seed` says, for tests that draw: `handgrad.verify(subject, seed=handgrad_seed)`.

`pytest --derivations` checks derivations. Every Markdown file with blocks fenced as `derivation`,
and every docstring that states one, is collected: one test for each line that says something, named
by it. So are the sections of LaTeX with a header: one test for each equation.

Every pytest run of a machine loads this module: what it needs beyond pytest is imported when a test
or an option asks for it.
"""

import sys
from functools import cached_property

import pytest

from handgrad.cli.console import whole_number
from handgrad.common.text import printable

VERDICTS = {"handgrad.judge.verdict": "Verdict", "handgrad.derivation.report": "Report"}
DERIVATIONS, WANTED = "--derivations", "handgrad_derivations"


def pytest_addoption(parser):
    parser.getgroup("handgrad").addoption(
        "--handgrad-seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="the seed of what is drawn: the fixture handgrad_seed, and --derivations (0)",
    )


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(parser):
    """Add --derivations when all others have added theirs, and only if the name is free.

    pytest ends the run of who adds an option a second time, whether that is we or they.
    """
    yield
    if _is_free(parser, DERIVATIONS):
        parser.getgroup("handgrad").addoption(
            DERIVATIONS,
            dest=WANTED,
            action="store_true",
            help="check the derivations in Markdown files and docstrings, one test for each line",
        )


def _is_free(parser, option):
    try:
        _, unknown = parser.parse_known_and_unknown_args([option])
    except (pytest.UsageError, SystemExit):
        return False  # it takes an argument
    return option in unknown


def pytest_report_header(config):
    taken = "" if hasattr(config.option, WANTED) else f"; {DERIVATIONS} is another plugin's"
    return f"handgrad: seed {config.getoption('--handgrad-seed')}{taken}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(call):
    """The report of a failed test, with the whole of every verdict that it asserted."""
    outcome = yield
    if call.excinfo is not None and issubclass(call.excinfo.type, AssertionError):
        found = [str(verdict) for verdict in _asserted(call.excinfo)]
        report = outcome.get_result()
        report.sections.extend(("verdict", text) for text in found)
        crash = getattr(report.longrepr, "reprcrash", None)
        if found and crash and crash.message.removeprefix("AssertionError: ").startswith("assert "):
            crash.message = _in_one_line(found[0])


def _in_one_line(text):
    """What a verdict says first, and why; what a report on derivations says at last."""
    first, second, *_, last = text.splitlines()
    return last if first.startswith("derivation ") else f"{first}: {second.strip()}"


def _asserted(excinfo):
    """The verdicts that are not ok in the frame of the assertion; pytest keeps its parts there.

    Only the types of what else is there are looked at: an object may raise at anything it is asked.
    """
    named = ((sys.modules.get(module), kind) for module, kind in VERDICTS.items())
    kinds = tuple(getattr(module, kind) for module, kind in named if module is not None)
    values = excinfo.traceback[-1].frame.f_locals.values()
    found = {id(v): v for v in values if issubclass(type(v), kinds) and not v.ok}
    return list(found.values())


@pytest.fixture(scope="session")
def handgrad_seed(pytestconfig):
    """The seed of `--handgrad-seed`."""
    return pytestconfig.getoption("--handgrad-seed")


def pytest_collect_file(file_path, parent):
    wanted = parent.config.getoption(WANTED, default=False)
    if wanted and file_path.suffix in {".md", ".py", ".tex", ".ipynb"}:
        return DerivationFile.from_parent(parent, path=file_path)
    return None


class DerivationFile(pytest.File):
    """A file with derivations."""

    def collect(self):
        from handgrad.derivation.errors import DerivationError
        from handgrad.derivation.sources import scopes_of

        try:
            scopes = scopes_of(self.path)
        except DerivationError as error:
            raise self.CollectError(_placed(self.path, error)) from None
        for scope in scopes:
            yield from self._tests(scope)

    def _tests(self, scope):
        """A test for each chain with something to check, or one that says why there is none."""
        from handgrad.derivation.errors import DerivationError
        from handgrad.derivation.latex.section import Section

        checked = _Checked(scope, self.config.getoption("--handgrad-seed"))
        if isinstance(scope, Section) and (scope.equations or not scope.fault):
            for number, equation in enumerate(scope.equations):
                name = printable(f"{scope.title}: {equation.source}")
                last = number + 1 == len(scope.equations)
                made = {"checked": checked, "equation": equation, "last": last}
                yield EquationItem.from_parent(self, name=name, **made)
            return
        try:
            chains = scope.derivation().chains
        except DerivationError:
            yield DerivationLine.from_parent(self, name=scope.title, checked=checked, chain=None)
            return
        named = [(printable(f"{scope.title}: {c.text}"), c) for c in chains if c.checked]
        for name, chain in named or [(scope.title, None)]:
            yield DerivationLine.from_parent(self, name=name, checked=checked, chain=chain)


class _Checked:
    """One scope, checked when its first test asks for it, within a derivation's time."""

    def __init__(self, scope, seed):
        self.scope, self.seed = scope, seed

    @cached_property
    def derivation(self):
        from handgrad.derivation.report import check_scopes

        (derivation,) = check_scopes([self.scope], self.seed)
        return derivation


class DerivationLine(pytest.Item):
    """One chain of a derivation: it passes if every link of it holds, and was seen from all sides."""

    def __init__(self, *, checked, chain, **options):
        super().__init__(**options)
        self.checked, self.chain = checked, chain

    def runtest(self):
        derivation = self.checked.derivation
        if derivation.error:
            raise WrongDerivationError(f"{self.path}:{derivation.error}")
        if derivation.status in {"VACUOUS", "INCOMPLETE"}:
            raise WrongDerivationError(derivation.row())
        lines = {link.line for link in self.chain.checked}
        wrong = [link for link in derivation.links if link.line in lines and not link.ok]
        if wrong:
            raise WrongDerivationError(
                "\n".join(f"{self.path}:{link.line}: {link}" for link in wrong)
            )

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, WrongDerivationError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, self.chain.line - 1 if self.chain else 0, self.name


class EquationItem(pytest.Item):
    """One equation of LaTeX: it passes if it was read, and if every link of it holds.

    The last one of a section also fails for what could not be told apart as an equation.
    """

    def __init__(self, *, checked, equation, last, **options):
        super().__init__(**options)
        self.checked, self.equation, self.last = checked, equation, last

    def runtest(self):
        derivation = self.checked.derivation
        if derivation.error:
            raise WrongDerivationError(f"{self.path}:{derivation.error}")
        lines = {side[0].line for side in self.equation.sides if side}
        said = [f"{k.line}: {k}" for k in derivation.links if k.line in lines and not k.ok]
        others = {line for line, *_ in derivation.unread} if self.last else lines
        said += [
            f"{line}:{column}: NOT READ: {words}"
            for line, column, words in derivation.unread
            if line in lines | others
        ]
        if said:
            raise WrongDerivationError("\n".join(f"{self.path}:{text}" for text in said))

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, WrongDerivationError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, self.equation.line - 1, self.name


class WrongDerivationError(Exception):
    """A derivation that cannot be read or run, or links of it that do not hold."""


def _placed(path, error):
    """path:line: message"""
    return f"{path}:{error}" if error.line is not None else f"{path}: {error}"
