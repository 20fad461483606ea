"""Options that are words: an unknown one is refused, and not taken for another."""

from dataclasses import fields, replace
from inspect import signature
from typing import Any, Literal, get_args, get_origin

import pytest

from handgrad import RoPE, Upsample
from handgrad.rules.catalog import instances
from tests.rules_and_cases import CLASSES

WORDS = [(cls, f) for cls in CLASSES for f in fields(cls) if get_origin(f.type) is Literal]


@pytest.mark.parametrize(
    ("cls", "field"), WORDS, ids=[f"{cls.__name__} {f.name}" for cls, f in WORDS]
)
def test_a_word_that_a_rule_does_not_know_is_refused(cls, field):
    rule = instances(cls)[0]
    with pytest.raises(ValueError, match=rf"^{field.name} is 'avg'; it may be '.*' or '.*'$"):
        replace(rule, **{field.name: "avg"})
    for word in get_args(field.type):
        assert getattr(replace(rule, **{field.name: word}), field.name) == word


def test_a_style_of_another_library_does_not_pass_for_the_default():
    options: dict[str, Any] = {"style": "neox"}
    with pytest.raises(ValueError, match="style is 'neox'; it may be 'half' or 'interleaved'"):
        RoPE(**options)


def test_the_signature_is_that_of_the_fields():
    assert list(signature(Upsample).parameters) == ["factor", "mode"]
