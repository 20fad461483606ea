"""What `handgrad train` refuses before it begins: files that cannot be written, and sizes that cannot be."""

import os
import re
import sys

import pytest

from handgrad.book import checkpoint, training
from handgrad.cli import train as command
from handgrad.common.files import claimed
from tests.cli.refused import assert_refused
from tests.common.forging import forged_run

EPOCH = 6  # 600 digits in batches of 100
OUTPUTS = [("--curve", "curve.svg"), ("--save", "run.npz")]


@pytest.fixture
def unread(monkeypatch):
    """No digits may be read."""
    monkeypatch.setattr("handgrad.book.mnist.read_mnist", lambda _: pytest.fail("it has begun"))


def test_digits_in_a_closed_directory_are_named(train, monkeypatch):
    def refusing(directory):
        raise PermissionError(13, "Permission denied", str(directory))

    monkeypatch.setattr("handgrad.book.mnist.read_mnist", refusing)
    status, _, errors = train()
    assert (status, errors.count("\n")) == (2, 1)
    assert errors.endswith("cannot be read: Permission denied\n")


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(("option", "name"), OUTPUTS)
def test_a_missing_directory_is_named_before_the_training(train, tmp_path, option, name):
    path = tmp_path / "none" / name
    assert_refused(train(option, path), path, f"{path.parent} is not a directory")


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(("option", "name"), OUTPUTS)
def test_a_directory_in_the_place_of_a_file_is_named_before_the_training(
    train, tmp_path, option, name
):
    path = tmp_path / name
    path.mkdir()
    assert_refused(train(option, path), f"{path} cannot be written: it is a directory")


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(("option", "name"), OUTPUTS)
def test_a_directory_without_permission_is_named_before_the_training(
    train, tmp_path, option, name, monkeypatch
):
    def refusing(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("handgrad.common.files._part_of", refusing)
    monkeypatch.setattr("handgrad.common.files._locked", refusing)
    path = tmp_path / name
    assert_refused(train(option, path), f"{path} cannot be written: Permission denied")


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("more", [(), ("--resume",)])
def test_a_second_run_on_the_same_file_says_so(train, tmp_path, more):
    path = tmp_path / "run.npz"
    with claimed(path):
        result = train("--save", path, *more)
    message = f"{path} cannot be written: process {os.getpid()} is writing it: wait until it ends"
    assert_refused(result, message)


def test_a_run_leaves_its_file_and_nothing_beside_it(train, tmp_path):
    assert train("--steps", EPOCH, "--save", tmp_path / "run.npz")[0] == 0
    train("--steps", EPOCH, "--save", tmp_path / "run.npz")  # is refused
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("net", ["two-layer", "conv"])
@pytest.mark.parametrize(
    "option", [("--hidden", 10**12), ("--hidden", 10**18), ("--batch", 10**14)]
)
def test_sizes_that_no_machine_has_are_refused_before_anything_is_made(
    train, monkeypatch, net, option
):
    monkeypatch.setattr(training, "start", lambda *_: pytest.fail("it has begun"))
    result = train("--net", net, *option)
    assert_refused(
        result, " ".join(map(str, option)), "--hidden ", " take ", ", and this machine has "
    )
    assert re.search(r" take [\d.]+ [PEZ]B, ", result[2])


@pytest.mark.parametrize("enough", [True, False])
def test_the_machine_s_own_memory_is_the_limit(train, monkeypatch, mnist, enough):
    settings = training.Settings(hidden=8)
    needed = training.memory_of(settings, (28, 28))
    monkeypatch.setattr(command, "_memory", lambda: needed - (not enough))
    result = train("--hidden", 8, "--steps", 1)
    if enough:
        assert result[0] == 0
    else:
        assert_refused(
            result, "--hidden 8 and --batch 100 take 1.433 MB, and this machine has 1.433 MB"
        )


def test_a_file_with_a_batch_that_no_machine_holds_is_refused(train, tmp_path):
    path = tmp_path / "run.npz"
    train("--steps", 1, "--save", path)
    change = {"batch": 10**14}
    path.write_bytes(
        forged_run(path.read_bytes(), lambda about, _: about["settings"].update(change))
    )
    assert_refused(train("--save", path, "--resume"), f"--batch {10**14} take ")


def test_weights_that_a_file_cannot_hold_are_refused_with_save_alone(train, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "MAX_WEIGHTS", 10**5)
    result = train("--hidden", 40, "--steps", 1, "--save", tmp_path / "run.npz")
    assert_refused(
        result, "the weights of --hidden 40 take 254.5 kB, and a file that --save writes"
    )
    assert train("--hidden", 40, "--steps", 1)[0] == 0


def test_too_little_memory_is_said_in_a_sentence(train, monkeypatch):
    def failing(*_):
        raise MemoryError

    monkeypatch.setattr(training, "start", failing)
    assert_refused(train(), "this machine has too little memory: choose a smaller --hidden or ")


@pytest.mark.parametrize("suffix", [".dot", ".txt", ""])
def test_a_curve_ends_in_svg_png_or_pdf(train, tmp_path, suffix):
    path = tmp_path / f"curve{suffix}"
    assert_refused(train("--curve", path), path, ".svg, .png or .pdf")


@pytest.mark.usefixtures("unread")
def test_a_curve_in_pixels_without_cairosvg_says_how_to_get_it(train, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    assert_refused(train("--curve", tmp_path / "curve.png"), "pip install cairosvg")


def test_cairosvg_is_not_needed_for_svg(train, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    assert train("--steps", 1, "--curve", tmp_path / "curve.svg")[0] == 0


def test_a_curve_that_cannot_be_written_after_the_training_is_named(train, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "curve.svg"
    monkeypatch.setattr("handgrad.drawing.chart.write_bytes", full)
    status, _, errors = train("--steps", 1, "--curve", path)
    assert status == 2
    assert errors == f"handgrad: {path} cannot be written: No space left on device\n"
    assert not list(tmp_path.iterdir())
