"""`handgrad show` as its user sees it."""

import pytest

NOTES = """# Square

```derivation
x : (N)
y = x**2
dx = 2 * dy * x
```
"""


@pytest.mark.parametrize(
    ("style", "says"),
    [
        ("--text", "# Square\n\nx : (N)\ny = x**2\ndx = 2 * dy * x\n"),
        ("--latex", r"\frac{\partial\mathcal{L}}{\partial x} &= 2\, "),
        ("--mathml", "<mfrac><mrow><mi>∂</mi><mi>ℒ</mi></mrow>"),
    ],
)
def test_a_file_is_shown_in_each_style(handgrad, tmp_path, style, says):
    path = tmp_path / "notes.md"
    path.write_text(NOTES, encoding="utf-8")
    status, output, errors = handgrad("show", path, style)
    assert (status, errors) == (0, "")
    assert says in output


def test_a_family_is_shown_rule_by_rule(handgrad):
    status, output, _ = handgrad("show", "normalization", "--latex")
    assert status == 0
    assert "% LayerNorm\n$$\n\\begin{aligned}" in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Sigmoidd",), "did you mean Sigmoid"),
        (("nowhere.md",), "nowhere.md: No such file"),
        (("Sigmoid", "--latex", "--text"), "not allowed with argument"),
        ((), "TARGET"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_sentence(handgrad, arguments, says):
    status, output, errors = handgrad("show", *arguments)
    assert (status, output) == (2, "")
    assert says in errors
