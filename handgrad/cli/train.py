"""handgrad train: a net of the book on real digits."""

import argparse
import contextlib
import dataclasses
import math
import os
from pathlib import Path

from handgrad.cli.console import GREEN, RED, UsageError, coloured, progress, whole_number
from handgrad.cli.outputs import (
    refuse_what_cannot_be_written,
    refuse_what_needs_cairosvg,
    writing,
)
from handgrad.common.files import claimed
from handgrad.common.text import size

STEPS = 10_000
MOST = 10**18  # no machine has more of anything
CHECKED = 3  # digits in the gradient check, as in the book
TOLERANCE = 1e-6  # differences with a step of ε^⅓ keep about half of the digits


def add_parser(commands):
    parser = commands.add_parser(
        "train",
        help="train a net of the book on real digits",
        description="Train a net of the book on the MNIST digits, with the book's settings.",
    )
    add = parser.add_argument
    known = os.environ.get("HANDGRAD_MNIST")
    text = "the directory with the four IDX files (default: $HANDGRAD_MNIST)"
    add("--mnist", required=known is None, default=known, metavar="DIR", help=text)
    add("--net", choices=("two-layer", "conv"), help="of chapter 5 or of 7 (default: two-layer)")
    add("--steps", type=_count, default=STEPS, help=f"to train for (default: {STEPS})")
    add("--hidden", type=_count, help="units in the hidden layer (default: 50, conv: 100)")
    add("--batch", type=_count, help="digits in a mini-batch (default: 100)")
    add("--learning-rate", type=_rate, help="of gradient descent (default: 0.1)")
    add("--seed", type=whole_number, help="of the weights and the batches (default: 0)")
    add("--save", metavar="FILE.npz", type=Path, help="keep the run in a file, every epoch")
    add("--resume", action="store_true", help="go on with the run in the --save file")
    add(
        "--curve", metavar="FILE", type=Path, help="draw loss, accuracy and norms: .svg, .png, .pdf"
    )
    add("--check", action="store_true", help=f"first check the gradients on {CHECKED} digits")
    parser.set_defaults(run=run)


def run(arguments):
    """0 when the steps are done; 1 when the check fails or the loss is no longer a number."""
    with contextlib.ExitStack() as held:
        _prepare_files(arguments, held)
        try:
            return _run(arguments)
        except MemoryError:
            hint = "choose a smaller --hidden or --batch"
            raise UsageError(f"this machine has too little memory: {hint}") from None


def _run(arguments):
    train, test = _digits(arguments.mnist)
    job = _resumed(arguments, train) if arguments.resume else _started(arguments, train)
    if arguments.check and not _check(job.net, train):
        return 1
    status = _train(job, train, test, arguments)
    if arguments.curve and job.history:
        _draw(job, train, arguments.curve)
    return status


def _train(job, train, test, arguments):
    from handgrad.book import training

    print(f"{'step':>7}{'loss':>10}{'train':>10}{'test':>10}")
    for row in job.history:
        print(_row(*row))
    kept = job.step if arguments.resume else None
    try:
        for row in training.advance(job, train, test, arguments.steps):
            if row is None:
                progress(f"step {job.step} of {arguments.steps}, loss {job.losses[-1]:.4f}")
                continue
            progress()
            print(_row(*row), flush=True)
            if arguments.save:
                _save(job, arguments.save)
                kept = row[0]
    except FloatingPointError as error:
        progress()
        print(error)
        return 1
    except KeyboardInterrupt:
        progress()
        where = f"; {arguments.save} holds step {kept}: add --resume to go on" if kept else ""
        print(f"interrupted at step {job.step}{where}")
        return 130
    return 0


def _save(job, path):
    from handgrad.book import checkpoint

    with writing(path):
        checkpoint.save(job, path)


def _draw(job, train, path):
    from handgrad.book import training
    from handgrad.book.curve import curve

    with writing(path):
        curve(job, training.epoch_of(job, train)).save(path)
    print(f"the curve is in {path}")


def _row(step, loss, train, test):
    return f"{step:>7}{loss:>10.4f}{train:>10.2%}{test:>10.2%}"


def _digits(directory):
    from handgrad.book.mnist import read_mnist

    try:
        return read_mnist(directory)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None)
        said = f"{directory} cannot be read: {reason}" if reason else error
        raise UsageError(said) from None


def _started(arguments, train):
    from handgrad.book.training import DEFAULTS, start

    settings = dataclasses.replace(DEFAULTS[arguments.net or "two-layer"], **_chosen(arguments))
    try:
        _refuse_what_is_too_large(settings, train, arguments.save)
        return start(settings, train)
    except ValueError as error:
        raise UsageError(error) from None


def _resumed(arguments, train):
    """The run in the file, if it is one that the other options and the digits fit."""
    from handgrad.book import checkpoint, training

    try:
        job = checkpoint.load(arguments.save)
    except (OSError, ValueError) as error:
        raise UsageError(error) from None
    for name, value in _chosen(arguments).items():
        kept = getattr(job.settings, name)
        if value != kept:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{arguments.save} was begun with {option} {kept}, not {value}")
    if (job.digits, job.image) != (training.fingerprint(train), train[0].shape[1:]):
        raise UsageError(f"{arguments.save} was trained on other digits than {arguments.mnist}'s")
    _refuse_what_is_too_large(job.settings, train, arguments.save)
    return job


def _refuse_what_is_too_large(settings, train, save):
    """Say before anything is allocated that the machine, or the file, cannot hold it."""
    from handgrad.book import checkpoint, training

    image = train[0].shape[1:]
    needed, there = training.memory_of(settings, image), _memory()
    if needed > there:
        sizes = f"--hidden {settings.hidden} and --batch {settings.batch}"
        raise UsageError(f"{sizes} take {size(needed)}, and this machine has {size(there)}")
    weights = training.bytes_of(settings, image)
    if save and weights > checkpoint.MAX_WEIGHTS:
        most = size(checkpoint.MAX_WEIGHTS)
        hint = f"a file that --save writes has at most {most}: choose a smaller --hidden"
        raise UsageError(
            f"the weights of --hidden {settings.hidden} take {size(weights)}, and {hint}"
        )


def _memory():
    """The bytes of memory that this machine has; where it does not say, what no machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 2**50


def _chosen(arguments):
    """The settings that the command line gives."""
    names = ("hidden", "batch", "learning_rate", "seed", "net")
    given = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def _check(net, train):
    """Print the book's gradient check on real digits; True if backpropagation agrees."""
    from handgrad.book.training import check_gradients, pixels

    images, labels = train
    total = sum(p.size for p in net.params.values())
    done = 0

    def tick():
        nonlocal done
        done += 1
        if done % 100 == 0:
            progress(f"checking parameter {done} of {total}")

    check = check_gradients(net, pixels(images[:CHECKED]), labels[:CHECKED], tick)
    progress()
    print(f"{total} gradients on {CHECKED} digits, largest relative error of each parameter:")
    for name, error in check.errors.items():
        verdict = coloured("ok", GREEN) if error <= TOLERANCE else coloured("WRONG", RED)
        print(f"  {name}  {error:.1e}  {verdict}")
    times = check.numerical / check.backward
    print(
        f"  differences {check.numerical:.2f} s, backpropagation {check.backward:.4f} s: ", end=""
    )
    print(f"{times:,.0f} times faster\n")
    return all(error <= TOLERANCE for error in check.errors.values())


def _prepare_files(arguments, held):
    """Say before the training what would fail after it, and hold the --save file until its end."""
    save, curve = arguments.save, arguments.curve
    if arguments.resume and save is None:
        raise UsageError("--resume needs --save FILE, the file to go on with")
    if curve and curve.suffix not in {".svg", ".png", ".pdf"}:
        raise UsageError(f"--curve {curve} must end in .svg, .png or .pdf")
    if curve:
        refuse_what_cannot_be_written(curve)
        refuse_what_needs_cairosvg("--curve", curve)
    if save:
        with writing(save):
            held.enter_context(claimed(save))
    if save and save.exists() and not arguments.resume:
        raise UsageError(f"{save} exists: add --resume to go on with it, or name another file")


def _count(text):
    if not text.isdecimal() or len(text) > len(str(MOST)) or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from 1 to {MOST}")
    return int(text)


def _rate(text):
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return rate
