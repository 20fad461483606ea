"""The curve of a training run: accuracy on the training and the test digits, epoch by epoch."""

import io
from pathlib import Path

from handgrad.common.files import write_bytes


def draw_curve(history, epoch, path):
    """Draw a history's accuracies, with `epoch` steps in an epoch, into an .svg or .png file."""
    from matplotlib.figure import Figure

    steps, _, train, test = zip(*history, strict=True)
    epochs = [step / epoch for step in steps]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, train, label="training digits")
    axes.plot(epochs, test, "--", label="test digits")
    axes.set(xlabel="epoch", ylabel="accuracy", xlim=(0, epochs[-1]), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    picture = io.BytesIO()
    figure.savefig(picture, format=Path(path).suffix[1:], dpi=150)
    write_bytes(path, picture.getvalue())
