"""A character model learns a text: with our gradients, and with those of JAX, to the same losses."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn

from handgrad import LSTM, Affine, Embedding, SoftmaxCrossEntropyWithLabels
from tests.rules.running import assert_close

TEXT = "what i cannot create, i do not understand. know how to solve every problem. " * 4
LETTERS = sorted(set(TEXT))
STEPS, ROWS, LENGTH, RATE = 100, 8, 16, 2.0
SIZE, HIDDEN = 6, 24


def parameters(rng):
    """The rows of the letters, an LSTM, and an affine layer from its states to the letters."""
    shapes = [
        (len(LETTERS), SIZE),
        (SIZE, 4 * HIDDEN),
        (HIDDEN, 4 * HIDDEN),
        (4 * HIDDEN,),
        (HIDDEN, len(LETTERS)),
        (len(LETTERS),),
    ]
    return [rng.normal(size=shape) / np.sqrt(shape[0]) for shape in shapes]


def batches(rng):
    """For each step LENGTH letters of each row, and the one after each of them."""
    text = np.array([LETTERS.index(letter) for letter in TEXT])
    for _ in range(STEPS):
        starts = rng.integers(len(text) - LENGTH, size=ROWS)
        windows = text[starts + np.arange(LENGTH + 1)[:, None]]
        yield windows[:-1], windows[1:]


def ours(parameters, letters, following):
    """The loss and the gradients of the parameters, by the rules."""
    E, W, U, b, V, c = parameters
    loss, net = SoftmaxCrossEntropyWithLabels(), LSTM()
    n, zeros = np.full(ROWS, LENGTH), np.zeros((ROWS, HIDDEN))
    x, of_x = Embedding().forward(E, letters)
    (h, *_), of_h = net.forward(x, n, zeros, zeros, W, U, b)
    scores, of_scores = Affine().forward(h, V, c)
    y, of_y = loss.forward(scores, following)
    d_scores, _ = loss.backward(of_y, np.float64(1))
    dh, dV, dc = Affine().backward(of_scores, d_scores)
    dx, *_, dW, dU, db = net.backward(of_h, (dh, zeros, zeros))
    dE, _ = Embedding().backward(of_x, dx)
    return y, (dE, dW, dU, db, dV, dc)


def theirs(parameters, letters, following):
    """The loss alone, for JAX to differentiate."""
    E, W, U, b, V, c = parameters

    def step(state, x):
        h, memory = state
        i, f, g, o = jnp.split(x @ W + h @ U + b, 4, axis=-1)
        memory = nn.sigmoid(f) * memory + nn.sigmoid(i) * jnp.tanh(g)
        h = nn.sigmoid(o) * jnp.tanh(memory)
        return (h, memory), nn.log_softmax(h @ V + c)

    zeros = jnp.zeros((ROWS, HIDDEN))
    _, log_p = lax.scan(step, (zeros, zeros), E[letters])
    return -jnp.mean(jnp.sum(log_p * nn.one_hot(following, len(LETTERS)), axis=-1))


def test_a_character_model_trains_with_our_gradients_as_with_those_of_jax():
    by_hand, by_jax = (parameters(np.random.default_rng(1)) for _ in range(2))
    value_and_grad, losses = jax.jit(jax.value_and_grad(theirs)), []
    for letters, following in batches(np.random.default_rng(2)):
        loss, grads = ours(by_hand, letters, following)
        expected, slopes = value_and_grad(by_jax, letters, following)
        assert_close(loss, expected, 1e-9)
        by_hand = [p - RATE * dp for p, dp in zip(by_hand, grads, strict=True)]
        by_jax = [p - RATE * dp for p, dp in zip(by_jax, slopes, strict=True)]
        losses.append(loss)
    assert losses[0] > 3  # it knows nothing of the letters, of which there are over 20
    assert np.mean(losses[-5:]) < 1.5
