"""The fuzz test's own process: python -m tests.derivation.fuzz 20000 prints a report as JSON.

Every text goes through the whole check. The process has bounded memory, and a hook that sees
whatever Python executes, imports or opens.
"""

import json
import re
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import handgrad
from handgrad.common.random import generator
from handgrad.derivation.checking import check_links
from handgrad.derivation.domains import draw
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.points import Runner
from handgrad.derivation.report import check
from handgrad.derivation.shapes import without_warnings
from handgrad.derivation.sources import Scope, scopes_in_markdown, scopes_in_python
from handgrad.derivation.vocabulary import vocabulary
from tests.derivation.random_texts import indexed, mutated, sentences, soup

SECONDS = 5
MEMORY = 500 * 2**20  # more than the process has when it is loaded
WARM = "x : (3, 3)\na, b, c = lu(x)\ny = lgamma(x) + digamma(x) + erfinv(x) + logcumsumexp(x)\n"
KINDS = (mutated, mutated, mutated, indexed, indexed, sentences, soup)
DERIVATIONS = Path(__file__).parent
HOME = Path(handgrad.__file__).parent
FORBIDDEN = re.compile(r"exec|import|open|os\.(system|exec|posix_spawn|fork|remove)|subprocess\..*")


class Watch:
    """Remembers what is executed, imported or opened while it looks, and what is raised."""

    def __init__(self):
        self.looks = False
        self.seen = []
        self.text = ""
        sys.addaudithook(self.see)

    def see(self, event, arguments):
        if not self.looks or not FORBIDDEN.fullmatch(event):
            return
        if event == "open" and str(arguments[0]).endswith(".py"):
            return  # JAX looks at the lines that called it
        self.seen.append(f"{event} {arguments!r:.200} by {self.text!r}")

    def __enter__(self):
        self.looks = True

    def __exit__(self, kind, error, traceback):
        self.looks = False
        if error is None:
            return False
        if not issubclass(kind, DerivationError) or len(str(error).splitlines()) != 1:
            self.seen.append(f"{error!r} by {self.text!r}")
        return True


def main(texts):
    """Read and check mutated and random texts, and print what came of them."""
    rng = np.random.default_rng(20)
    seeds = list(filter(stands_alone, scopes()))
    check(WARM)
    for scope in seeds:
        check_links(scope.derivation())
    watch = Watch()
    begin = peak_memory()
    found = {"texts": 0, "read": 0, "run": 0, "checked": 0, "slowest": 0.0, "slowest text": ""}
    for number in range(texts):
        scope = seeds[rng.integers(len(seeds))]
        watch.text = KINDS[number % len(KINDS)](rng, scope)
        start = time.thread_time()
        if attempt(watch, scope.fields, found):
            check_one(watch, found)
        seconds = time.thread_time() - start
        if seconds > found["slowest"]:
            found |= {"slowest": seconds, "slowest text": watch.text}
        found["texts"] += 1
    found["megabytes"] = (peak_memory() - begin) / 2**20
    json.dump(found | {"surprises": watch.seen}, sys.stdout)


def stands_alone(scope):
    """Whether its options stand in its own file, and not in a class that it inherits from."""
    try:
        scope.derivation()
    except DerivationError:
        return False
    return True


def scopes():
    """The derivations of the package, its documents and docstrings, and the right ones of the tests."""
    for path in sorted([*HOME.glob("derivation/*.md"), *DERIVATIONS.glob("right*.md")]):
        found = scopes_in_markdown(path.read_text(encoding="utf-8"), path.name)
        yield from (scope for scope in found if isinstance(scope, Scope))
    for path in sorted(HOME.glob("rules/*.py")):
        yield from scopes_in_python(path.read_text(encoding="utf-8"), path.name)


def attempt(watch, fields, found):
    """The derivation in the text, if it can be read and run on NumPy."""
    with watch:
        derivation = read(watch.text, fields)
        found["read"] += 1
        values(derivation)
        found["run"] += 1
        return derivation
    return None


def check_one(watch, found):
    """Check a text in full, in which JAX imports and opens files of its own."""
    with watch:
        watch.looks = False
        report = check(f"```derivation\n{watch.text}\n```\n")
        found["checked"] += not any(d.error for d in report.derivations)
        if len(report.derivations) != 1 or len(str(report).splitlines()) < 3:
            watch.seen.append(f"{report} by {watch.text!r}")


def read(text, fields):
    """The derivation of a text as it stands in a Markdown file."""
    block = scopes_in_markdown(f"# t\n```derivation\n{text}\n```\n", "t.md")
    scope = block[0] if block else Scope("t", "t.md", ())
    return replace(scope, fields=fields).derivation()


def values(derivation):
    """The value of every name at one random point, on NumPy."""
    runner = Runner(derivation)
    rng = generator(0, "fuzz")
    with without_warnings():
        inputs = {g.name: draw(rng, g.domain, *runner.shapes[g.name]) for g in derivation.givens}
        return runner.run(inputs, vocabulary(np))


def peak_memory():
    """The most memory that the process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
