"""What is built and installed: handgrad alone, whatever lies beside the user's script."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from handgrad import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REFERENCES = {path.name for path in (ROOT / "reference").glob("*.py")}
TESTED = ("test", "torch", "plot")  # the extras of which .ci/run tests the lowest releases
SCRATCH = shutil.ignore_patterns(".git", ".venv*", ".*_cache")

NOTES = """# Tanh

```derivation
x : (N)
y = tanh(x)
dx = dy * (1 - y**2)
```
"""
SCRIPT = "from handgrad import Tanh, verify; print(verify(Tanh()))"
TYPED = """
from typing import assert_type
from handgrad import Affine, Layer, Softmax, Tanh, check, compare, draw, verify
from handgrad.bridges import as_jax, as_torch
from handgrad.comparison.ways import Comparison
from handgrad.derivation.report import Report
from handgrad.drawing.picture import Picture
from handgrad.judge.verdict import Status, Verdict

assert_type(verify(Tanh(), 0.5, seed=1), Verdict)
assert_type(verify(Tanh()).status, Status)
assert_type(check("notes.md"), Report)
assert_type(draw(Tanh()), Picture)
assert_type(compare(Tanh()), Comparison)
assert_type(Layer(Affine(), 0.5, 0.5), Layer)
assert_type(Softmax(axis=0).axis, int)
y = as_jax(Tanh())(0.5), as_torch(Tanh())(0.5)
"""


def run(python, *arguments, folder):
    """The output of a Python that finds nothing but what is installed, and what is in the folder."""
    variables = os.environ | {"JAX_PLATFORMS": "cpu", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    variables.pop("PYTHONPATH", None)
    command = [python, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    done = subprocess.run(command, cwd=folder, env=variables, check=False, **pipes)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A copy of this tree, with what its runs have left there."""
    pytest.importorskip("hatchling", reason="hatchling builds handgrad, and is in the extra dev")
    pytest.importorskip("pip", reason="pip installs handgrad")
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("tree") / "checkout", ignore=SCRATCH)


@pytest.fixture(scope="session")
def built(checkout):
    """The wheel and the sdist."""
    dist = checkout.with_name("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", dist, folder=checkout)
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


@pytest.fixture(scope="session", params=["wheel", "sdist", "editable"])
def python(request, built, checkout):
    """A Python in an environment of its own, in which handgrad was installed in this way.

    It finds jax and the others where the tests find them.
    """
    folder = checkout.with_name(request.param)
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=checkout)
    own = folder / "bin" / "python"
    elsewhere = [path for path in sys.path if Path(path).name.endswith("-packages")]
    packages(own).joinpath("elsewhere.pth").write_text("\n".join(elsewhere), encoding="utf-8")
    source = [built[request.param]] if request.param in built else ["-e", checkout]
    install = ("install", "--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed")
    run(sys.executable, "-m", "pip", "--python", own, *install, *source, folder=checkout)
    return own


def packages(python):
    return next(python.parents[1].glob("lib/python3*/site-packages"))


@pytest.fixture
def folder(tmp_path):
    """A directory of a user's, with a reference.py."""
    (tmp_path / "reference.py").write_text("A=1\n", encoding="utf-8")
    (tmp_path / "notes.md").write_text(NOTES, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def test_a_user_s_reference_module_does_not_disturb_the_command_line(python, folder):
    assert "PASS" in run(python, "-m", "handgrad", "verify", "notes.md", folder=folder)


def test_a_user_s_reference_module_does_not_disturb_a_script(python, folder):
    assert run(python, "script.py", folder=folder).startswith("Tanh(): PASS")


def test_the_version_is_told_alike_everywhere(python, folder):
    told = f"handgrad {__version__}\n"
    assert run(python, "-m", "handgrad", "--version", folder=folder) == told
    assert run(python.with_name("handgrad"), "--version", folder=folder) == told
    ask = "from importlib.metadata import version; print('handgrad', version('handgrad'))"
    assert run(python, "-c", ask, folder=folder) == told


def test_the_environment_has_handgrad_and_nothing_else_of_ours(python):
    names = {path.name for path in packages(python).iterdir()} - {"elsewhere.pth"}
    code = "_handgrad.pth" if "editable" in python.parts else "handgrad"
    assert names == {code, f"handgrad-{__version__}.dist-info"}


@pytest.mark.parametrize("python", ["wheel"], indirect=True)
def test_a_type_checker_knows_what_the_package_publishes(python, folder):
    pytest.importorskip("pyright", reason="pyright checks types, and is in the extra dev")
    (folder / "typed.py").write_text(TYPED, encoding="utf-8")
    checker = ("-m", "pyright", "--pythonpath", python, "typed.py")
    assert "0 errors" in run(sys.executable, *checker, folder=folder)


def test_the_wheel_holds_the_package_with_the_references_and_no_more(built):
    with zipfile.ZipFile(built["wheel"]) as wheel:
        paths = [Path(name) for name in wheel.namelist()]
        reference = wheel.read("handgrad/reference/__init__.py")
    assert {path.parts[0] for path in paths} == {"handgrad", f"handgrad-{__version__}.dist-info"}
    assert {p.name for p in paths if p.parent == Path("handgrad/reference")} == REFERENCES
    assert reference == (ROOT / "reference" / "__init__.py").read_bytes()
    assert not {"__pycache__", "tests"}.intersection(part for path in paths for part in path.parts)
    sources = {p.relative_to(ROOT) for p in (ROOT / "handgrad").rglob("*") if p.suffix != ".pyc"}
    assert {p for p in sources if (ROOT / p).is_file()} <= {*paths}


def test_every_requirement_states_the_lowest_release_that_works():
    extras = PROJECT["optional-dependencies"]
    stated = [*PROJECT["dependencies"], *(text for extra in TESTED for text in extras[extra])]
    bounds = dict(text.split(">=") for text in stated)
    assert all(re.fullmatch(r"\d+(\.\d+)*", bound) for bound in bounds.values())
    assert bounds["jax"] == bounds["jaxlib"]
