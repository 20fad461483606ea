"""A training run in a file: one .npz that is whole at every moment, and holds no pickles."""

import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from handgrad.book.training import PARAMS, Run, Settings, net_of

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
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez(
                file,
                about=json.dumps(about),
                losses=np.array(run.losses),
                history=np.array(run.history, dtype=float).reshape(-1, 4),
                **run.net.params,
            )
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load(path):
    """The run in a file. Raises FileNotFoundError or ValueError, in one sentence."""
    try:
        with Path(path).open("rb") as file, zipfile.ZipFile(file):
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                about = json.loads(str(arrays["about"]))
                kept = about["format"]
                run = _restored(about, arrays) if kept == FORMAT else None
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist: there is nothing to resume") from None
    except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a whole file of a training run: {error}") from None
    if run is None:
        raise ValueError(f"{path} has the format {kept}; this is handgrad's {FORMAT}")
    return run


def _restored(about, arrays):
    settings = Settings(**about["settings"])
    net = net_of(settings, {name: arrays[name] for name in PARAMS[settings.net]})
    rng = np.random.default_rng()
    rng.bit_generator.state = about["rng"]
    history = [(int(step), *rest) for step, *rest in arrays["history"].tolist()]
    return Run(settings, net, rng, about["digits"], arrays["losses"].tolist(), history)
