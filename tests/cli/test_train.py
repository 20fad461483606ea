"""`handgrad train` as its user sees it."""

import re
import signal

import numpy as np
import pytest

from handgrad import rules
from handgrad.book import checkpoint
from tests.cli.refused import assert_refused
from tests.common.forging import forged_run
from tests.digits import draw_digits, finished, python, write_digits

EPOCH = 6  # 600 digits in batches of 100
NUMBERS = re.compile(r" *(\d+) +(\d+\.\d{4}) +(\d+\.\d\d)% +(\d+\.\d\d)%")


def steps(output):
    """The steps in the table of a training run."""
    return [int(row[1]) for row in map(NUMBERS.fullmatch, output.splitlines()) if row]


def assert_same_files(first, second):
    assert first.read_bytes() == second.read_bytes()


def test_a_run_prints_a_row_for_each_epoch_and_the_last_step(train):
    status, output, errors = train("--steps", 50)
    header, *rows = output.splitlines()
    assert (status, errors) == (0, "")
    assert header.split() == ["step", "loss", "train", "test"]
    assert steps(output) == [*range(EPOCH, 50, EPOCH), 50]
    assert len(rows) == len(steps(output))
    assert max(map(len, output.splitlines())) <= 80


def test_a_run_learns_the_digits(train):
    _, output, _ = train("--steps", 120)
    *_, on_train, on_test = NUMBERS.fullmatch(output.splitlines()[-1]).groups()
    assert min(float(on_train), float(on_test)) > 90


def test_the_seed_decides_the_run(train):
    first, again, other = (train("--steps", 9, "--seed", seed)[1] for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--steps", value) for value in ("0", "-1", "1.5", "many", "")),
        *(("--hidden", value) for value in ("0", "-5", str(10**18 + 1))),
        *(("--batch", value) for value in ("0", "1e2")),
        *(("--learning-rate", value) for value in ("nan", "inf", "0", "-0.1", "fast")),
    ],
)
def test_a_number_that_makes_no_sense_is_shown(train, option, value):
    status, output, errors = train(f"{option}={value}")
    assert (status, output) == (2, "")
    assert f"argument {option}: {value!r} is not a " in errors


def test_a_number_of_many_digits_is_shown_in_part(train):
    errors = train("--hidden", "9" * 5000)[2]
    assert f"argument --hidden: '{'9' * 40}' is not a whole number from 1 to {10**18}\n" in errors


def test_mnist_is_asked_for(handgrad):
    status, _, errors = handgrad("train")
    assert status == 2
    assert "--mnist" in errors


def test_a_directory_without_digits_is_named(handgrad, tmp_path):
    result = handgrad("train", "--mnist", tmp_path)
    assert_refused(result, tmp_path, "train-images-idx3-ubyte.gz")


def test_a_damaged_file_is_named(handgrad, digits, tmp_path):
    write_digits(tmp_path, *digits)
    path = tmp_path / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    assert_refused(handgrad("train", "--mnist", tmp_path), path, "truncated")


def test_resume_needs_a_file(train):
    assert_refused(train("--resume"), "--resume needs --save FILE")


def test_resume_needs_a_file_that_exists(train, tmp_path):
    path = tmp_path / "none.npz"
    assert_refused(train("--resume", "--save", path), path, "nothing to resume")


def test_resume_names_a_damaged_file(train, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(b"PK\x03\x04 and no more")
    assert_refused(train("--resume", "--save", path), path, "is not a whole .npz file")


def test_resume_names_foreign_contents(train, tmp_path):
    path = tmp_path / "run.npz"
    train("--steps", 1, "--save", path)
    foreign = forged_run(path.read_bytes(), lambda about, _: about["settings"].update(batch=0))
    path.write_bytes(foreign)
    result = train("--resume", "--save", path)
    assert_refused(result, path, "not a whole file of a training run: its settings cannot be: ")
    assert path.read_bytes() == foreign


def test_an_existing_file_is_not_overwritten(train, tmp_path):
    path = tmp_path / "run.npz"
    path.write_text("precious")
    assert_refused(train("--steps", 1, "--save", path), path, "exists", "--resume")
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("option", "kept", "other"),
    [
        ("--hidden", "50", "51"),
        ("--batch", "100", "99"),
        ("--learning-rate", "0.1", "0.2"),
        ("--seed", "0", "1"),
    ],
)
def test_resume_refuses_other_settings_and_shows_both(train, tmp_path, option, kept, other):
    path = tmp_path / "run.npz"
    train("--steps", 1, "--save", path)
    result = train("--steps", 2, "--save", path, "--resume", option, other)
    assert_refused(result, path, f"{option} {kept}, not {other}")
    assert train("--steps", 2, "--save", path, "--resume", option, kept)[0] == 0


def test_resume_refuses_other_digits(train, handgrad, tmp_path):
    path, others = tmp_path / "run.npz", tmp_path / "others"
    others.mkdir()
    rng = np.random.default_rng(21)
    write_digits(others, draw_digits(rng, 600), draw_digits(rng, 300))
    train("--steps", 1, "--save", path)
    result = handgrad("train", "--mnist", others, "--save", path, "--resume")
    assert_refused(result, path, "other digits", others)


def test_a_resumed_run_shows_its_past_and_ends_as_if_never_interrupted(train, tmp_path):
    whole, parted = tmp_path / "whole.npz", tmp_path / "parted.npz"
    expected = train("--steps", 4 * EPOCH, "--save", whole)
    train("--steps", 2 * EPOCH, "--save", parted)
    assert train("--steps", 4 * EPOCH, "--save", parted, "--resume") == expected
    assert_same_files(whole, parted)


def test_resuming_a_finished_run_changes_nothing(train, tmp_path):
    path = tmp_path / "run.npz"
    expected = train("--steps", EPOCH, "--save", path)
    before = path.read_bytes()
    assert train("--steps", EPOCH, "--save", path, "--resume") == expected
    assert path.read_bytes() == before


@pytest.fixture
def interruptible():
    """Lets new processes heed SIGINT, also where the tests run in a background that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_run_that_is_interrupted_loses_nothing_that_was_saved(mnist, handgrad, tmp_path):
    whole, parted = tmp_path / "whole.npz", tmp_path / "parted.npz"
    common = ("train", "--mnist", mnist, "--hidden", 8)
    process = python("-m", "handgrad", *common, "--steps", 10**7, "--save", parted)
    for _ in range(4):  # the header and three epochs
        assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    status, output, errors = finished(process)
    assert (status, errors) == (130, "")
    assert re.search(r"interrupted at step \d+; .*parted.npz holds step \d+: add --resume", output)
    kept = checkpoint.load(parted).step
    assert kept >= 2 * EPOCH
    end = kept + 2 * EPOCH
    assert handgrad(*common, "--steps", end, "--save", parted, "--resume")[0] == 0
    assert handgrad(*common, "--steps", end, "--save", whole)[0] == 0
    assert_same_files(whole, parted)


@pytest.mark.parametrize("saved", [0, 1])
def test_an_interrupted_run_says_which_step_the_file_holds(train, tmp_path, monkeypatch, saved):
    path, save, calls = tmp_path / "run.npz", checkpoint.save, []

    def interrupted(run, path):
        calls.append(run.step)
        if len(calls) > saved:
            raise KeyboardInterrupt
        save(run, path)

    monkeypatch.setattr(checkpoint, "save", interrupted)
    status, output, _ = train("--steps", 50, "--save", path)
    assert status == 130
    last = output.splitlines()[-1]
    hint = f"; {path} holds step {EPOCH}: add --resume to go on" if saved else ""
    assert last == f"interrupted at step {(saved + 1) * EPOCH}{hint}"


@pytest.mark.parametrize(
    ("suffix", "begin"), [(".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF")]
)
def test_a_curve_is_drawn(train, tmp_path, suffix, begin):
    if suffix != ".svg":
        pytest.importorskip("cairosvg", reason="pixels and paper are made by cairosvg, an extra")
    path = tmp_path / f"curve{suffix}"
    status, output, errors = train("--steps", 3 * EPOCH, "--curve", path)
    assert (status, errors) == (0, "")
    assert output.endswith(f"the curve is in {path}\n")
    assert path.read_bytes().startswith(begin)


def test_a_curve_goes_on_where_a_resumed_run_does(train, tmp_path):
    run, path = tmp_path / "run.npz", tmp_path / "curve.svg"
    train("--steps", 3, "--save", run)
    train("--steps", 2 * EPOCH, "--save", run, "--resume", "--curve", path)
    lines = re.findall(r'<polyline class="c\d" points="([^"]*)"', path.read_text(encoding="utf-8"))
    drawn, samples = lines[::2], lines[1::2]
    starts = [float(line.split(",")[0]) for line in drawn]
    assert [len(line.split()) for line in samples] == [2] * 7
    assert [len(line.split()) for line in drawn] == [2 * EPOCH] + [3] * 6  # loss; ½, 1 and 2 epochs
    assert starts[1:] == [179.0] * 6  # a quarter of the way


def test_check_shows_the_largest_error_of_each_parameter(train):
    status, output, _ = train("--steps", 1, "--hidden", 4, "--check")
    title, *lines = output.splitlines()
    assert status == 0
    assert title == "3190 gradients on 3 digits, largest relative error of each parameter:"
    for line, name in zip(lines, ("W1", "b1", "W2", "b2"), strict=False):
        assert re.fullmatch(rf"  {name}  \d\.\de-(0[89]|1\d)  ok", line)
    times = r"  differences \d+\.\d\d s, backpropagation 0\.\d{4} s: [\d,]+ times faster"
    assert re.fullmatch(times, lines[4])
    assert steps(output) == [1]
    assert max(map(len, output.splitlines())) <= 80


def test_a_check_that_fails_names_the_parameter_and_trains_nothing(train, monkeypatch):
    right = rules.Affine.backward

    def wrong(self, residuals, dy):
        dx, dW, db = right(self, residuals, dy)
        return dx, dW, 1.01 * db

    monkeypatch.setattr(rules.Affine, "backward", wrong)
    status, output, _ = train("--steps", 1, "--hidden", 4, "--check")
    assert status == 1
    assert re.findall(r"  (\w\d)  \S+  (ok|WRONG)", output) == [
        *(("W1", "ok"), ("b1", "WRONG"), ("W2", "ok"), ("b2", "WRONG")),
    ]
    assert steps(output) == []


def test_a_run_that_diverges_ends_with_a_sentence_and_no_warning(mnist, tmp_path):
    run = ("train", "--mnist", mnist, "--steps", 20, "--learning-rate", "1e200")
    run += ("--save", tmp_path / "run.npz", "--curve", tmp_path / "curve.svg")
    status, output, errors = finished(python("-m", "handgrad", *run))
    assert status == 1
    assert re.search(r"the loss is (nan|inf) at step \d+: a learning rate below 1e\+200", output)
    assert errors == ""
    assert not list(tmp_path.iterdir())
