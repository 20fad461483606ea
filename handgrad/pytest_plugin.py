"""handgrad in other people's test suites.

`assert handgrad.verify(...)` shows the whole verdict when it fails. The fixture `handgrad_seed` is
what `--handgrad-seed` says, for tests that draw: `handgrad.verify(subject, seed=handgrad_seed)`.

`pytest --derivations` checks derivations. Every Markdown file with blocks fenced as `derivation`, and every docstring that states one, is
collected: one test for each line that says something, named by it.
"""

import sys

import pytest

from handgrad.cli.console import whole_number


def pytest_addoption(parser):
    group = parser.getgroup("handgrad")
    group.addoption(
        "--derivations",
        action="store_true",
        help="check the derivations in Markdown files and docstrings, one test for each line",
    )
    group.addoption(
        "--handgrad-seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="the seed of what is drawn: the fixture handgrad_seed, and --derivations (0)",
    )


def pytest_report_header(config):
    return f"handgrad: seed {config.getoption('--handgrad-seed')}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call):
    """The report of a failed test, with the whole of every verdict that it asserted."""
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(AssertionError):
        report.sections += [("verdict", str(verdict)) for verdict in _asserted(call.excinfo)]
    return report


def _asserted(excinfo):
    """The verdicts that are not ok in the frame of the assertion; pytest keeps its parts there."""
    module = sys.modules.get("handgrad.judge.verdict")
    if module is None:
        return []
    values = excinfo.traceback[-1].frame.f_locals.values()
    found = {id(v): v for v in values if isinstance(v, module.Verdict) and not v.ok}
    return list(found.values())


@pytest.fixture(scope="session")
def handgrad_seed(pytestconfig):
    """The seed of `--handgrad-seed`."""
    return pytestconfig.getoption("--handgrad-seed")


def pytest_collect_file(file_path, parent):
    wanted = parent.config.getoption("--derivations")
    if wanted and file_path.suffix in {".md", ".py"}:
        return DerivationFile.from_parent(parent, path=file_path)
    return None


class DerivationFile(pytest.File):
    """A file with derivations."""

    def collect(self):
        from handgrad.derivation.errors import DerivationError
        from handgrad.derivation.sources import read_text, scopes_in_markdown, scopes_in_python

        scopes_in = scopes_in_python if self.path.suffix == ".py" else scopes_in_markdown
        try:
            scopes = scopes_in(read_text(self.path), str(self.path))
        except DerivationError as error:
            raise self.CollectError(f"{self.path}:{error}") from None
        for scope in scopes:
            yield from self._tests(scope)

    def _tests(self, scope):
        """A test for each chain with something to check, or one that says why there is none."""
        from handgrad.derivation.errors import DerivationError

        results = _Results(scope, self.config.getoption("--handgrad-seed"))
        try:
            chains = scope.derivation().chains
        except DerivationError:
            yield DerivationLine.from_parent(self, name=scope.title, results=results, chain=None)
            return
        for chain in chains:
            if chain.checked:
                name = f"{scope.title}: {chain.text}"
                yield DerivationLine.from_parent(self, name=name, results=results, chain=chain)


class _Results:
    """The checked links of one scope, found when the first test asks for them."""

    def __init__(self, scope, seed):
        self.scope, self.seed = scope, seed
        self._links = None

    def of(self, chain):
        from handgrad.derivation.checking import check_links

        if self._links is None:
            self._links = check_links(self.scope.derivation(), self.seed)
        lines = {link.line for link in chain.checked} if chain else set()
        return [link for link in self._links if link.line in lines]


class DerivationLine(pytest.Item):
    """One chain of a derivation: it passes if every link of it holds."""

    def __init__(self, *, results, chain, **kwargs):
        super().__init__(**kwargs)
        self.results, self.chain = results, chain

    def runtest(self):
        wrong = [link for link in self.results.of(self.chain) if not link.ok]
        if wrong:
            raise WrongDerivationError(self.path, wrong)

    def repr_failure(self, excinfo, style=None):
        from handgrad.derivation.errors import DerivationError

        if isinstance(excinfo.value, WrongDerivationError | DerivationError):
            prefix = f"{self.path}:" if isinstance(excinfo.value, DerivationError) else ""
            return f"{prefix}{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        line = self.chain.line - 1 if self.chain else 0
        return self.path, line, self.name


class WrongDerivationError(Exception):
    """Links that do not hold."""

    def __init__(self, path, links):
        super().__init__("\n".join(f"{path}:{link.line}: {link}" for link in links))
