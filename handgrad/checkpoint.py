"""A training run in a file: one .npz that is whole at every moment, and holds no pickles."""

import json
import os
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from handgrad.book import TwoLayerNet
from handgrad.training import Run, Settings

FORMAT = 1


def save(run, path):
    """Write the run to a file beside the old one, and only then put it in its place."""
    path = Path(path)
    about = {
        "format": FORMAT,
        "settings": asdict(run.settings),
        "rng": run.rng.bit_generator.state,
        "digits": run.digits,
    }
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            np.savez(
                file,
                about=json.dumps(about),
                losses=np.array(run.losses),
                history=np.array(run.history, dtype=float).reshape(-1, 4),
                **run.net.params,
            )
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise


def load(path):
    """The run in a file. Raises FileNotFoundError or ValueError, in one sentence."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            if about["format"] != FORMAT:
                raise ValueError(
                    f"{path} has the format {about['format']}; this is handgrad's {FORMAT}"
                )
            return _restored(about, arrays)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist: there is nothing to resume") from None
    except (KeyError, EOFError, zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a whole file of a training run: {error}") from None


def _restored(about, arrays):
    settings = Settings(**about["settings"])
    net = TwoLayerNet(arrays["W1"].shape[0], settings.hidden, 10)
    for name in net.params:
        net.params[name] = arrays[name]
    rng = np.random.default_rng()
    rng.bit_generator.state = about["rng"]
    history = [(int(step), *rest) for step, *rest in arrays["history"].tolist()]
    return Run(settings, net, rng, about["digits"], arrays["losses"].tolist(), history)
