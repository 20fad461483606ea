"""What --input states, and what it may not state."""

import argparse

import numpy as np
import pytest

from handgrad.cli.inputs import MOST, input_option


@pytest.mark.parametrize(
    ("text", "shape", "dtype"),
    [
        ("x=4x3", (4, 3), "float64"),
        ("x=", (), "float64"),
        ("x=0x3", (0, 3), "float64"),
        ("x=4x3:float32", (4, 3), "float32"),
        ("x=4:positive:float16", (4,), "float16"),
        ("x=4:bfloat16", (4,), "bfloat16"),
        ("t=4:label:3", (4,), "int64"),
        ("t=4:label(3)", (4,), "int64"),
        ("u=4:interval(2,3):float32", (4,), "float32"),
        ("t=4:label:3:float32", (4,), "float32"),
        ("keep=2x2:mask", (2, 2), "bool"),
        ("s=:positive", (), "float64"),
        ("x=" + "x".join("1" * 32), (1,) * 32, "float64"),
    ],
)
def test_an_input_has_the_shape_and_the_type_that_are_stated(text, shape, dtype):
    array = input_option(text).drawn(seed=0)
    assert (array.shape, array.dtype.name) == (shape, dtype)


def test_an_input_may_be_held():
    texts = ("m=4x3:const", "m=4x3:mask:const", "m=4:label:3:float32:const", "m=:const")
    assert all(input_option(text).held for text in texts)
    assert not input_option("m=4x3:mask").held


def test_a_label_lies_below_the_number_of_classes():
    labels = input_option("t=1000:label:3").drawn(seed=0)
    assert set(labels.tolist()) == {0, 1, 2}


def test_an_interval_has_its_ends():
    numbers = input_option("u=1000:interval(2,3)").drawn(seed=0)
    assert np.all((numbers > 2) & (numbers < 3))


def test_the_seed_and_the_name_decide_the_numbers():
    def numbers(text, seed):
        return input_option(text).drawn(seed).tolist()

    assert numbers("x=4", 1) == numbers("x=4", 1)
    assert numbers("x=4", 1) != numbers("x=4", 2)
    assert numbers("x=4", 1) != numbers("w=4", 1)


def test_a_name_is_written_as_python_reads_it():
    assert input_option("\N{MICRO SIGN}=3").name == "\N{GREEK SMALL LETTER MU}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x", "an input is NAME=SHAPE"),
        ("=4", "an input is NAME=SHAPE"),
        ("4=4", "an input is NAME=SHAPE"),
        ("x=4y3", "'4y3' is not a shape such as 4x3"),
        ("x=-3x2", "'-3x2' is not a shape such as 4x3"),
        ("x=+3", "'+3' is not a shape"),
        ("x= 3", "' 3' is not a shape"),
        ("x=1_0", "'1_0' is not a shape"),
        ("x=\N{ARABIC-INDIC DIGIT FOUR}", "is not a shape"),
        ("x=4x", "'4x' is not a shape"),
        ("x=" + "9" * 5000, "is not a shape"),
        ("x=1000000x1000000", f"an input has at most {MOST} numbers"),
        ("x=0x1000000000000", f"an input has at most {MOST} numbers"),
        ("x=" + "x".join("1" * 73), "an input has at most 32 axes, not 73"),
        ("x=4:odd", "'odd' is neither a domain (real, "),
        ("x=4:", "'' is neither a domain"),
        ("x=4:real:3", "an input is NAME=SHAPE"),
        ("x=4:float32:real", "'float32' is neither a domain"),
        ("x=4:real:float32:float32", "an input is NAME=SHAPE"),
        ("t=4:label", "label needs the number of classes"),
        ("t=4:label:float32", "label needs the number of classes"),
        ("t=4:label:0", "label needs the number of classes"),
        ("t=4:label:-1", "label needs the number of classes"),
        ("t=4:label:99999999999999999999", "label needs the number of classes"),
        ("t=4:label(0)", "label needs the number of classes"),
        ("t=4:label(3):4", "an input is NAME=SHAPE"),
        ("u=4:interval(0,", "write an argument as in 'label(10)'"),
        ("u=4:odd(3)", "'odd(3)' is neither a domain"),
        ("t=4:label=3", "'label=3' is neither a domain"),
    ],
)
def test_what_is_not_an_input_is_shown_in_one_sentence(text, says):
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        input_option(text)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)


def test_nothing_is_allocated_for_what_is_refused(monkeypatch):
    monkeypatch.setattr(np.random, "default_rng", None)
    with pytest.raises(argparse.ArgumentTypeError):
        input_option("x=1000000x1000000")
