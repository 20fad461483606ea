"""Nothing is missing, and no test only looks like one."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

import handgrad
from handgrad import reference, rules
from handgrad.derivation.docstrings import derivation_of
from handgrad.rules import catalog
from tests.rules_and_cases import CLASSES

VERDICTS = {"array_equal", "allclose", "isclose", "equal"}
TESTS = Path(__file__).parent
FAMILIES = [m.name for m in pkgutil.iter_modules(rules.__path__) if m.name != "catalog"]


def classes_in(module):
    """The rules that a module defines: its public classes with a forward and a backward."""
    return [
        value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
        and hasattr(value, "forward")
        and hasattr(value, "backward")
    ]


DEFINED = [
    cls
    for name in FAMILIES
    for cls in classes_in(importlib.import_module(f"handgrad.rules.{name}"))
]


DEFINED_NAMES = {cls.__name__ for cls in DEFINED}


def missing(cls, references, tested):
    """What a rule lacks, in sentences that say where to add it.

    `references` are the functions of its family in `reference/` by name, `tested` the text of the
    tests of rules.
    """
    name, family = cls.__name__, cls.__module__.rpartition(".")[2]
    if name not in sys.modules[cls.__module__].__all__:
        yield f"{name} is not in __all__ of handgrad/rules/{family}.py"
    elif not hasattr(rules, name):
        yield f"handgrad/rules/__init__.py does not import handgrad.rules.{family}"
    elif getattr(rules, name) is not cls and name in DEFINED_NAMES:
        yield f"{name} is a rule of another family too"
    if not catalog.instances(cls):
        yield f"{name} has fields without a default, and VARIANTS has none of it"
    if not TESTS.joinpath("rules", f"test_{family}.py").is_file():
        yield f"there is no tests/rules/test_{family}.py"
    elif not re.search(rf"\b{name}\b", tested):
        yield f"{name} is in no test in tests/rules"
    names = {name.replace("_", ""): name for name in references}
    if name.lower() in names:
        reference = names[name.lower()]
        yield from missing_options(cls, reference, references[reference])
    else:
        yield f"{name} has no {snake(name)} in __all__ of reference/{family}.py"
    yield from missing_givens(cls)


def missing_options(cls, name, function):
    """The fields of a rule that its reference does not take as keywords."""
    options = inspect.signature(function).parameters
    for field in dataclasses.fields(cls):
        if field.name not in options:
            yield f"{name} has no keyword {field.name}, a field of {cls.__name__}"


def missing_givens(cls):
    """A sentence, if the derivation does not state the shape of each input of forward."""
    inputs = list(inspect.signature(cls.forward).parameters.values())[1:]
    names = [parameter.name for parameter in inputs]
    any_number = inputs[0].kind is inputs[0].VAR_POSITIONAL
    for rule in catalog.instances(cls)[:1]:
        givens = [given.name for given in derivation_of(rule).givens]
        if len(givens) != len(names) and not (any_number and givens):
            stated = ", ".join(givens) or "nothing"
            yield f"{cls.__name__} takes {', '.join(names)}, and its derivation states {stated}"


def snake(name):
    """LayerNorm as layer_norm"""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name).lower()


def references_of(family):
    """The functions in `reference/` by name; none where there is no such file."""
    name = f"handgrad.reference.{family}"
    module = importlib.import_module(name) if find_spec(name) else None
    return {name: getattr(module, name) for name in module.__all__} if module else {}


@pytest.fixture(scope="module")
def tested():
    return "".join(p.read_text(encoding="utf-8") for p in TESTS.glob("rules/test_*.py"))


@pytest.mark.parametrize("cls", DEFINED)
def test_no_rule_lacks_anything(cls, tested):
    family = cls.__module__.rpartition(".")[2]
    assert not list(missing(cls, references_of(family), tested))


def test_every_reference_has_a_rule():
    names = {cls.__name__.lower() for cls in DEFINED}
    for module in pkgutil.iter_modules(reference.__path__):
        assert module.name in FAMILIES
        for name in references_of(module.name):
            assert name.replace("_", "") in names, f"{name} is the reference of no rule"


@dataclass(frozen=True)
class SquareRoot2:
    """y = √x

    x : (...) positive
    y = sqrt(x)
    """

    eps: float

    def forward(self, x, scale):
        return scale * x**0.5, ()

    def backward(self, residuals, dy):
        return dy, None


@pytest.fixture
def half_added(monkeypatch):
    """A module of rules with this class alone, which is neither tested nor published."""
    module = ModuleType("handgrad.rules.roots")
    module.__all__, module.VARIANTS = [], ()
    monkeypatch.setattr(SquareRoot2, "__module__", module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_everything_that_a_rule_lacks_is_named(half_added):
    assert list(missing(SquareRoot2, {}, "")) == [
        "SquareRoot2 is not in __all__ of handgrad/rules/roots.py",
        "SquareRoot2 has fields without a default, and VARIANTS has none of it",
        "there is no tests/rules/test_roots.py",
        "SquareRoot2 has no square_root2 in __all__ of reference/roots.py",
    ]


def test_what_does_not_fit_its_rule_is_named(half_added, tmp_path, monkeypatch):
    half_added.__all__, half_added.VARIANTS = ["SquareRoot2"], (SquareRoot2(eps=0.1),)
    tmp_path.joinpath("rules").mkdir()
    tmp_path.joinpath("rules", "test_roots.py").touch()
    monkeypatch.setattr(sys.modules[__name__], "TESTS", tmp_path)
    assert list(missing(SquareRoot2, {"square_root2": abs}, "SquareRoot2d()")) == [
        "handgrad/rules/__init__.py does not import handgrad.rules.roots",
        "SquareRoot2 is in no test in tests/rules",
        "square_root2 has no keyword eps, a field of SquareRoot2",
        "SquareRoot2 takes x, scale, and its derivation states x",
    ]


def modules_of(package):
    """The package's modules, all imported; those that need an extra that is not there are left out."""
    found = []
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        try:
            found.append(importlib.import_module(info.name))
        except ModuleNotFoundError as error:
            if error.name.partition(".")[0] == package.__name__:
                raise
    return found


def clashes(package):
    """The names that are both a module and something else in its package."""
    for module in modules_of(package):
        parent, _, name = module.__name__.rpartition(".")
        owner = sys.modules[parent]
        if getattr(owner, name) is not module or name in getattr(owner, "__all__", ()):
            yield module.__name__


def test_no_module_shares_its_name_with_a_function():
    assert not list(clashes(handgrad))


@pytest.mark.parametrize("text", ["from twins.draw import draw", "__all__ = ['draw']", ""])
def test_a_module_that_shares_its_name_is_found(text, tmp_path, monkeypatch):
    tmp_path.joinpath("twins").mkdir()
    tmp_path.joinpath("twins", "__init__.py").write_text(text, encoding="utf-8")
    tmp_path.joinpath("twins", "draw.py").write_text("def draw():\n    pass\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("twins", "twins.draw"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = list(clashes(importlib.import_module("twins")))
    assert found == (["twins.draw"] if text else [])


@pytest.mark.parametrize("cls", CLASSES)
def test_a_docstring_begins_with_the_function_and_says_what_is_kept(cls):
    first, *_ = cls.__doc__.splitlines()
    assert "=" in first
    assert "Keeps " in cls.__doc__


def test_the_references_import_nothing_of_handgrad():
    for path in Path(importlib.import_module("handgrad.reference").__path__[0]).glob("*.py"):
        imported = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert "handgrad" not in " ".join(map(ast.unparse, imported))


def test_no_comparison_is_thrown_away():
    for path in Path(__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                name = ast.unparse(node.value.func).split(".")[-1]
                assert name not in VERDICTS, f"{path}:{node.lineno}"
