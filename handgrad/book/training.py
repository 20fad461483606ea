"""Training a net of the book on digits, and its gradient check."""

import math
import time
import zlib
from dataclasses import dataclass, field

import numpy as np

from handgrad.book.names import numerical_gradient
from handgrad.book.nets import (
    ConvNet,
    TwoLayerNet,
    conv_numbers,
    conv_shapes,
    draw_params,
    two_layer_shapes,
)

CHUNK = 200  # images whose scores are computed at once
BYTES = 8  # of a number


@dataclass(frozen=True)
class Settings:
    """What a training run is made of; the defaults are the book's."""

    hidden: int = 50
    batch: int = 100
    learning_rate: float = 0.1
    seed: int = 0
    net: str = "two-layer"


DEFAULTS = {"two-layer": Settings(), "conv": Settings(hidden=100, net="conv")}


@dataclass
class Run:
    """A training run: its net, where it stands, and what it has seen.

    `image` is the shape of the digits, and `digits` their fingerprint. `losses` has one number a
    step, `history` one row an epoch: step, mean loss, and the accuracies on the training and the
    test digits. `norms` has one row an epoch, too: those of the gradients of its last batch, in the
    order of the net's parameters.
    """

    settings: Settings
    image: tuple[int, int]
    net: TwoLayerNet | ConvNet
    rng: np.random.Generator
    digits: int
    losses: list[float] = field(default_factory=list)
    history: list[tuple[int, float, float, float]] = field(default_factory=list)
    norms: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def step(self):
        return len(self.losses)


def start(settings, train):
    """A run at step 0, for these training digits. Raises ValueError where the net cannot read them."""
    rng = np.random.default_rng(settings.seed)
    image = train[0].shape[1:]
    draw = draw_params if settings.net == "conv" else _draw_params
    params = draw(rng, image, settings.hidden)
    return Run(settings, image, net_of(settings, params), rng, fingerprint(train))


def shapes_of(settings, image):
    """The shape of each parameter of the net, for images of this shape."""
    shapes = conv_shapes if settings.net == "conv" else two_layer_shapes
    return shapes(image, settings.hidden)


def net_of(settings, params):
    """The net of these settings, with these parameters."""
    if settings.net == "conv":
        return ConvNet(params)
    net = TwoLayerNet(1, 1, 1)  # whose own weights are replaced
    net.params.update(params)
    return net


def memory_of(settings, image):
    """The bytes that training takes at the least.

    The weights, their gradients and the step that is made of them; and for each image of a batch
    the pixels, the windows of a convolution and the hidden units, forward and back.
    """
    images = max(settings.batch, CHUNK)
    windows = conv_numbers(image) if settings.net == "conv" else 0
    numbers = math.prod(image) + windows + 2 * settings.hidden
    return 3 * bytes_of(settings, image) + BYTES * images * numbers


def bytes_of(settings, image):
    """The bytes of the weights."""
    return BYTES * sum(math.prod(shape) for shape in shapes_of(settings, image).values())


def _draw_params(rng, image, hidden):
    """The book's for two layers: small weights, and biases of 0."""
    return {
        name: 0.01 * rng.normal(size=shape) if len(shape) > 1 else np.zeros(shape)
        for name, shape in two_layer_shapes(image, hidden).items()
    }


def fingerprint(train):
    """A number that tells one set of digits from another."""
    return zlib.crc32(train[1].tobytes(), zlib.crc32(train[0].tobytes()))


def advance(run, train, test, steps):
    """Train up to a number of steps. Yields after each: a new row of the history, or None.

    There is a row for every epoch and one for the last step. Raises FloatingPointError where the
    loss or a weight is no longer finite.
    """
    images, labels = train
    epoch = epoch_of(run, train)
    while run.step < steps:
        chosen = run.rng.choice(len(images), run.settings.batch)
        loss, grads = _descend(run, pixels(images[chosen]), labels[chosen])
        run.losses.append(loss)
        if run.step % epoch == 0 or run.step == steps:
            if not all(np.all(np.isfinite(p)) for p in run.net.params.values()):
                raise _diverged(run, "a weight is not finite")
            since = (run.step - 1) // epoch * epoch
            loss = float(np.mean(run.losses[since:]))
            row = (run.step, loss, accuracy(run.net, train), accuracy(run.net, test))
            run.history.append(row)
            run.norms.append(tuple(float(np.linalg.norm(grads[p])) for p in run.net.params))
            yield row
        else:
            yield None


def epoch_of(run, train):
    """How many steps see as many digits as there are."""
    return max(1, len(train[0]) // run.settings.batch)


def _descend(run, x, t):
    """One step down the gradient on one batch; the loss before it, and the gradients."""
    net = run.net
    with np.errstate(over="ignore", invalid="ignore"):  # the loss tells
        grads = net.gradient(x, t)
    loss = net.lastLayer.loss
    if not np.isfinite(loss):
        raise _diverged(run, f"the loss is {loss}")
    with np.errstate(over="ignore"):  # the next loss tells
        for name, dp in grads.items():
            net.params[name] -= run.settings.learning_rate * dp
    return float(loss), grads


def _diverged(run, what):
    rate = run.settings.learning_rate
    return FloatingPointError(f"{what} at step {run.step}: a learning rate below {rate} may do")


def pixels(images):
    """Images as rows of numbers from 0 to 1."""
    return images.reshape(len(images), -1) / 255


def accuracy(net, digits):
    """The share of digits that the net reads right."""
    images, labels = digits
    with np.errstate(over="ignore", invalid="ignore"):  # the next loss tells
        right = [
            net.accuracy(pixels(images[i : i + CHUNK]), labels[i : i + CHUNK])
            * len(labels[i : i + CHUNK])
            for i in range(0, len(images), CHUNK)
        ]
    return float(sum(right) / len(images))


@dataclass(frozen=True)
class Check:
    """The book's gradient check: each parameter's largest relative error, and the times in seconds."""

    errors: dict[str, float]
    parameters: int
    numerical: float
    backward: float


def check_gradients(net, x, t, tick=lambda: None):
    """Every parameter's gradient by differences against backpropagation, on a few digits.

    An error is the largest difference in an array, as a share of its largest gradient. `tick` is
    called once for every parameter.
    """
    grads, backward = _timed(lambda: net.gradient(x, t))

    def loss(_):
        calls[0] += 1
        if calls[0] % 2 == 0:
            tick()
        return net.loss(x, t)

    calls = [0]
    numbers, numerical = _timed(
        lambda: {k: numerical_gradient(loss, p) for k, p in net.params.items()}
    )
    errors = {k: _relative_error(numbers[k], g) for k, g in grads.items()}
    return Check(errors, sum(p.size for p in net.params.values()), numerical, backward)


def _relative_error(a, b):
    """The largest difference as a share of the largest number, and 0 where both are all 0."""
    difference, scale = np.max(np.abs(a - b)), np.max(np.abs([a, b]))
    return float(difference / scale) if scale else 0.0


def _timed(run):
    begin = time.perf_counter()
    result = run()
    return result, time.perf_counter() - begin
