"""A training run in a file: whole at every moment, and read as it was saved or not at all.

The file is an .npz of the losses, the history, the norms, the parameters, and two arrays of JSON: `about` has
the settings, the image's shape, the digits' fingerprint and the state of the random generator;
`sha256` has the digest of every other array.
"""

import dataclasses

import numpy as np

from handgrad.book.training import DEFAULTS, Run, Settings, net_of, shapes_of
from handgrad.common import npz, strict_json
from handgrad.common.strict_json import is_a, item

FORMAT = 3
MAX_BYTES, MAX_WEIGHTS = 2**31, 2**30  # of a file, the losses among them
KINDS = {"hidden": int, "batch": int, "learning_rate": float, "seed": int, "net": str}
PCG64 = {
    "state": 2**128,
    "inc": 2**128,
}  # the numbers of NumPy's generator, and what they are below
NUMBERS = np.dtype("<f8")


def save(run, path):
    """Write the run to a file beside the old one, and only then put it in its place."""
    about = {
        "format": FORMAT,
        "settings": dataclasses.asdict(run.settings),
        "image": run.image,
        "rng": run.rng.bit_generator.state,
        "digits": run.digits,
    }
    arrays = {
        "about": _encoded(about),
        "losses": np.array(run.losses, NUMBERS),
        "history": np.array(run.history, NUMBERS).reshape(-1, 4),
        "norms": np.array(run.norms, NUMBERS).reshape(-1, len(run.net.params)),
    }
    arrays |= {name: p.astype(NUMBERS) for name, p in run.net.params.items()}
    digests = {name: npz.digest(array) for name, array in arrays.items()}
    npz.write(path, arrays | {"sha256": _encoded(digests)})


def load(path):
    """The run in a file. Raises OSError or ValueError, in one sentence."""
    try:
        arrays = npz.read(path, MAX_BYTES)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist: there is nothing to resume") from None
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return _restored(arrays)
    except ValueError as error:
        raise ValueError(f"{path} is not a whole file of a training run: {error}") from None


def _restored(arrays):
    """The run in these arrays, each of which is as it was when it was saved."""
    about = _about(arrays)
    digests = {name: npz.digest(array) for name, array in arrays.items() if name != "sha256"}
    if _decoded(arrays, "sha256") != digests:
        raise ValueError("its arrays do not have the SHA-256 that it lists")
    settings, image = _settings(about), _image(about)
    shapes = shapes_of(settings, image)
    params = {name: np.array(_numbers(arrays, name, shape)) for name, shape in shapes.items()}
    digits = item(about, "digits", int)
    if len(arrays) > len(shapes) + 5 or not 0 <= digits < 2**32:
        raise ValueError(f"it has {len(arrays)} arrays, and digits with the fingerprint {digits}")
    losses, history = _past(arrays)
    norms = _numbers(arrays, "norms", (len(history), len(shapes)))
    if np.any(norms < 0):
        raise ValueError("a norm is below 0")
    rng = _generator(item(about, "rng", dict))
    past = losses, history, [tuple(row) for row in norms.tolist()]
    return Run(settings, image, net_of(settings, params), rng, digits, *past)


def _about(arrays):
    """What the file says of itself. Raises ValueError if it has another format than this."""
    about = _decoded(arrays, "about")
    kept = item(about, "format", int)
    if kept != FORMAT:
        raise ValueError(f"it has the format {kept}, and this handgrad reads {FORMAT}: train anew")
    return about


def _settings(about):
    raw = item(about, "settings", dict)
    if raw.keys() != KINDS.keys():
        raise ValueError(f"its settings are not {', '.join(KINDS)}")
    settings = Settings(**{name: item(raw, name, kind) for name, kind in KINDS.items()})
    counted = all(0 < n < 2**63 for n in (settings.hidden, settings.batch))
    known = settings.learning_rate > 0 and settings.seed >= 0 and settings.net in DEFAULTS
    if not counted or not known:
        raise ValueError(f"its settings cannot be: {settings}"[:200])
    return settings


def _image(about):
    image = tuple(item(about, "image", list))
    if len(image) != 2 or not all(is_a(n, int) and n > 0 for n in image):
        raise ValueError(f"its images have the shape {str(image)[:40]}")
    return image


def _past(arrays):
    """The losses, one a step, and the history, whose steps go up to there."""
    losses = _numbers(arrays, "losses", (None,)).tolist()
    history = _numbers(arrays, "history", (None, 4))
    steps = history[:, 0]
    counted = np.all(steps == np.floor(steps)) and np.all(np.diff(steps, prepend=0) > 0)
    shares = np.all((history[:, 2:] >= 0) & (history[:, 2:] <= 1))
    if not counted or not shares or max(steps, default=0) > len(losses):
        raise ValueError(f"its history is not one of {len(losses)} steps")
    return losses, [(int(step), *rest) for step, *rest in history.tolist()]


def _generator(state):
    """A random generator in this state. Raises ValueError unless it is one of PCG64's."""
    rng = np.random.default_rng()
    inner = item(state, "state", dict)
    numbers = [(item(inner, name, int), below) for name, below in PCG64.items()]
    numbers += [(item(state, "has_uint32", int), 2), (item(state, "uinteger", int), 2**32)]
    if not all(0 <= n < below for n, below in numbers) or inner["inc"] % 2 == 0:
        raise ValueError("its random generator has numbers that PCG64 does not have")
    expected = rng.bit_generator.state
    if state.keys() != expected.keys() or state["bit_generator"] != expected["bit_generator"]:
        raise ValueError("its random generator is not PCG64")
    rng.bit_generator.state = state
    return rng


def _numbers(arrays, name, shape):
    """An array of finite numbers; an axis of the shape may be None, of any size."""
    array = _array(arrays, name)
    fits = len(array.shape) == len(shape) and all(
        wanted in {None, n} for n, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype != NUMBERS:
        raise ValueError(f"{name} is {array.dtype} of the shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} has numbers that are not finite")
    return array


def _array(arrays, name):
    if name not in arrays:
        raise ValueError(f"it has no {name}")
    return arrays[name]


def _encoded(value):
    return np.frombuffer(strict_json.dumps(value).encode(), np.uint8)


def _decoded(arrays, name):
    """The JSON in an array of bytes, or of text as in the first format."""
    array = _array(arrays, name)
    text = str(array) if array.dtype.kind == "U" else array.tobytes().decode()
    return strict_json.loads(text)
