"""JAX as an oracle: in float64, on the CPU, with its settings as they were afterwards."""

import contextlib


@contextlib.contextmanager
def in_double_precision():
    """JAX in float64, on the CPU, with the array API's promotion; all restored afterwards."""
    import jax

    cpu = jax.default_device(jax.devices("cpu")[0])
    with jax.enable_x64(True), cpu, jax.numpy_dtype_promotion("standard"):
        yield


def compiled(function):
    """The function under `jax.jit`, compiled fast: an oracle runs a few times and no more."""
    import jax

    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})
