"""The curves of a training run: loss and accuracy, and how large the gradients of each layer are."""

from handgrad.drawing.chart import Chart, Panel


def curve(run, epoch):
    """A chart of a run with `epoch` steps in an epoch: three panels over the epochs."""
    steps, _, train, test = zip(*run.history, strict=True)
    epochs = [step / epoch for step in steps]
    losses = [(step / epoch, loss) for step, loss in enumerate(run.losses, 1)]
    accuracies = {"training digits": train, "test digits": test}
    norms = dict(zip(run.net.params, zip(*run.norms, strict=True), strict=True))
    return Chart(
        (
            Panel("loss of each batch", {"loss": losses}),
            Panel("accuracy", _over(epochs, accuracies), (0, 1)),
            Panel("norm of the gradient of each parameter", _over(epochs, norms), log=True),
        ),
        "epoch",
    )


def _over(epochs, columns):
    return {name: list(zip(epochs, column, strict=True)) for name, column in columns.items()}
