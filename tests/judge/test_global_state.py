"""Nothing global is changed by a verdict, whatever the judged code does."""

import os
import random
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import verify
from tests.judge.test_subjects import W, X, custom_vjp, torch_function, torch_or_skip


def state():
    """All that is global and could be changed, in a form that can be compared."""
    torch = torch_or_skip()
    return {
        "JAX": (jax.config.jax_enable_x64, jax.config.jax_numpy_dtype_promotion),
        "JAX's device": jax.config.jax_default_device,
        "errors": np.geterr(),
        "np.random": str(np.random.get_bit_generator().state),
        "random": random.getstate(),
        "torch's random numbers": torch.get_rng_state().tolist(),
        "torch's dtype": torch.get_default_dtype(),
        "torch's gradients": torch.is_grad_enabled(),
        "torch's threads": torch.get_num_threads(),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "environment": dict(os.environ),
        "path": list(sys.path),
        "directory": Path.cwd(),
    }


def restless(part, factor=1.0):
    """A pair that draws, seeds and sets what is global, and may raise in a part."""
    torch = torch_or_skip()

    def stir(where):
        np.random.get_bit_generator().state = np.random.MT19937(0).state
        random.seed(0)
        torch.manual_seed(0)
        np.seterr(all="raise")
        if where == part:
            raise RuntimeError("not today")

    def f(x):
        stir("forward")
        return np.sin(x)

    def vjp(dy, x):
        stir("backward")
        return factor * dy * np.cos(x)

    return f, vjp


@pytest.mark.parametrize(
    ("part", "factor", "status"),
    [
        (None, 1.0, "PASS"),
        (None, 1.5, "WRONG"),
        ("forward", 1, "CONTRACT"),
        ("backward", 1, "CONTRACT"),
    ],
)
def test_nothing_global_is_changed(part, factor, status):
    before = state()
    verdict = verify(restless(part, factor), X)
    assert verdict.status == status
    assert str(verdict)  # the diagnosis runs the code again
    assert state() == before


def test_nothing_global_is_changed_by_a_torch_function_or_a_refusal():
    x = torch_or_skip().ones(1, requires_grad=True)
    x.backward(x)  # torch loads modules, of which one sets a filter of warnings
    before = state()
    assert verify(torch_function(1.001), X, W).status == "WRONG"
    with pytest.raises(TypeError):
        verify((lambda x: None, lambda dy, x: dy), X)
    assert state() == before


def test_jax_stays_in_single_precision():
    with jax.enable_x64(False):
        assert verify(custom_vjp(1.001), X.astype("float32"), W.astype("float32")).status == "WRONG"
        assert jnp.ones(1).dtype == "float32"


def test_an_error_state_set_by_the_judged_code_is_not_the_judges():
    seen = set()

    def sin(x):
        seen.update(np.geterr().values())
        np.seterr(all="raise")
        return np.sin(x)

    assert verify((sin, lambda dy, x: dy * np.cos(x)), X)
    assert seen == {"ignore"}


def test_a_warning_is_shown_by_the_threads_that_judge_nothing():
    warnings.simplefilter("always")

    def sin(x):
        warnings.warn("of the judged code", stacklevel=1)
        return np.sin(x)

    def vjp(dy, x):
        thread = threading.Thread(target=warnings.warn, args=["of another thread"])
        thread.start()
        thread.join()
        return dy * np.cos(x)

    with warnings.catch_warnings(record=True) as shown:
        assert verify((sin, vjp), X)
    assert {str(warning.message) for warning in shown} == {"of another thread"}


def test_no_module_is_imported_that_is_not_needed():
    code = (
        "import sys, numpy as np; from handgrad import verify; x = np.ones(2) / 3;"
        "print(verify((np.sin, lambda dy, x: -dy * np.cos(x)), x));"
        "print({'cairosvg', 'torch', 'pytest', 'IPython'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.endswith("set()\n"), run.stdout
    assert not run.stderr


def doubled(x):
    sys.stdout.write(f"doubled {x.shape}\n")
    return 2 * x


def test_what_judged_code_prints_is_counted_and_not_shown(capsys):
    def vjp(dy, x):
        sys.stdout.write("backward\nof it\n")
        return 3 * dy

    verdict = verify((doubled, vjp), X)
    assert verdict.diagnosis
    sys.stdout.write("shown\n")
    assert capsys.readouterr().out == "shown\n"
    lines, first = verdict.printed
    assert lines > 20
    assert first == f"doubled {X.shape}"
    assert f"{lines} lines, not shown; the first: doubled" in str(verdict)


def test_what_other_threads_print_is_shown(capsys):
    def vjp(dy, x):
        thread = threading.Thread(target=sys.stdout.write, args=["of another thread"])
        thread.start()
        thread.join()
        return 2 * dy

    assert verify((doubled, vjp), X)
    assert "of another thread" in capsys.readouterr().out
