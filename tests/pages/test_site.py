"""Pages: what stands on them, and that their links go somewhere."""

import re
from functools import cache
from html import escape

import pytest

from handgrad import Affine, L2Normalize, Norm, Sigmoid
from handgrad.__main__ import main
from handgrad.derivation.latex.translation import Translator
from handgrad.derivation.points import Runner
from handgrad.derivation.report import check
from handgrad.pages.rules import docstring_of, rule_page
from handgrad.pages.site import write_site
from handgrad.pages.words import KOREAN

page_of = cache(rule_page)
NOTES = """# Notes

Some words.

## Square

```derivation
x : (N)
y = x**2
dx = 2 * dy * x{slip}
```

## Without a derivation

Nothing to check here.
"""

APPLES = """# Apples

```derivation
apple : () = 100
number : () = 2
tax : () = 1.1
price = apple * number = 200
total = price * tax = 220
```

And back:

```derivation
dprice = dtotal * tax = 1.1
dapple = dprice * number = 2.2
```
"""


LATEX = r"""# Least squares

<!-- derivation: X : (N, D); w : (D); y : (N); loss L -->

$$r = Xw - y$$

so that

\begin{align}
L &= \frac12 r^\top r \\
\frac{\partial L}{\partial w} &= %s
\end{align}

## Also

<!-- derivation: x : () -->
$$y = 2x$$
$$\frac{\partial y}{\partial x} = 2$$
"""


def written(tmp_path, slip=""):
    path = tmp_path / "notes.md"
    path.write_text(NOTES.format(slip=slip), encoding="utf-8")
    pages = write_site(tmp_path / "site", [str(path)])
    return pages, tmp_path / "site"


def test_each_heading_of_the_second_level_is_a_page(tmp_path):
    pages, folder = written(tmp_path)
    assert [page.title for page in pages] == ["Notes", "Square", "Without a derivation"]
    assert all(page.ok for page in pages)
    names = {path.name for path in folder.iterdir()}
    assert names == {p.name for p in pages} | {"index.html", "style.css", "steps.js"}


def test_every_link_goes_to_a_page(tmp_path):
    _, folder = written(tmp_path)
    for path in folder.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r'(?:href|src)="([^"#]+)"', text):
            assert (folder / target).is_file(), target
        assert "http" not in text.replace("http://www.w3.org/", "")


def test_what_a_document_points_to_is_reached_from_its_pages(tmp_path):
    texts = {
        "notes.md": "# A\n\n![](fig%201.png) ![](a/fig%201.png) [b](a/other.md#k) [c](x.py) [d](no.txt)",
        "a/other.md": "# B\n\n![](fig%201.png) ![](../fig%201.png) [a](../notes.md) [w](https://a.b/)",
    }
    files = texts | {"fig 1.png": "1", "a/fig 1.png": "2", "x.py": ""}
    for name, text in files.items():
        path = tmp_path / "notes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folder = tmp_path / "site"
    pages = write_site(folder, [str(tmp_path / "notes" / name) for name in texts])
    found = [re.findall('(?:src|href)="(.*?)"', page.body) for page in pages]
    assert found == [
        ["files/fig%201.png", "files/fig%2012.png", "other-b.html#k", "../notes/x.py", "no.txt"],
        [
            "files/fig%2012.png",
            "../notes/fig%201.png",
            "notes-a.html",
            "https://a.b/",
        ],
    ]
    assert [(folder / "files" / f"fig 1{k}.png").read_text() for k in ("", 2)] == ["1", "2"]


def test_an_empty_document_has_no_page(tmp_path):
    texts = {"empty.md": "", "notes.md": "# A\n\nWords."}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (page,) = write_site(tmp_path / "site", [str(tmp_path / name) for name in texts])
    assert page.title == "A"


def test_a_right_link_is_marked_with_its_error_and_the_graph_drawn(tmp_path):
    pages, _ = written(tmp_path)
    body = pages[1].body
    assert body.count("✓") == 1
    assert re.search(r'title="(off by \de-\d\d of its scale|exact)"', body)
    assert '<figure class="graph">' in body
    assert "data-node" in body


def test_a_wrong_link_is_marked_with_what_would_mend_it(tmp_path):
    pages, _ = written(tmp_path, slip=" / 2")
    assert [page.ok for page in pages] == [True, False, True]
    assert "✗ off by" in pages[1].body
    assert "2 times too small" in pages[1].body
    assert "✓" not in pages[1].body
    assert "<figure" not in pages[1].body


def test_a_chain_that_goes_on_in_another_block_goes_on_there(tmp_path):
    notes = "# A\n\n```derivation\nx : (N)\ny = x**2\ndx = 2 * dy * x\n```\n\nOr:\n\n```derivation\n= dy * x * 2\n```\n"
    (tmp_path / "notes.md").write_text(notes, encoding="utf-8")
    (page,) = write_site(tmp_path / "site", [str(tmp_path / "notes.md")])
    first, second = page.body.split("<p>Or:</p>")
    assert (first.count("✓"), second.count("✓")) == (1, 1)


def test_what_cannot_be_read_is_shown_as_it_stands(tmp_path):
    pages, _ = written(tmp_path, slip=" *")
    assert not pages[1].ok
    assert "dx = 2 * dy * x *" in pages[1].body
    assert "is not an expression" in " ".join(pages[1].body.split())


def test_a_chapter_draws_its_graph_forward_first_and_then_in_symbols(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(APPLES, encoding="utf-8")
    (page,) = write_site(tmp_path / "site", [str(path)])
    forward, back = page.body.split("<p>And back:</p>")
    assert 'class="line"' in forward
    assert 'class="back"' not in forward
    assert back.count('<path class="back"') == 10  # the numbers, and then the symbols
    assert [caption in back for caption in ("The computational graph", "In symbols")] == [
        True,
        True,
    ]


def test_a_page_in_korean_has_korean_words_around_its_derivation(tmp_path):
    path = tmp_path / "notes.ko.md"
    path.write_text(APPLES, encoding="utf-8")
    (page,) = write_site(tmp_path / "site", [str(path)])
    text = (tmp_path / "site" / page.name).read_text(encoding="utf-8")
    assert '<html lang="ko">' in text
    assert all(
        word in text for word in KOREAN.values() if "{}" not in word and "간단히" not in word
    )
    assert not any(f">{word}<" in text for word in KOREAN)


def test_the_numbers_of_a_graph_can_be_changed_where_they_are_stated(tmp_path):
    path = tmp_path / "notes.md"
    for text, changed in ((APPLES, 1), (NOTES.format(slip=""), 0)):
        path.write_text(text, encoding="utf-8")
        pages = write_site(tmp_path / "site", [str(path)])
        assert sum(page.body.count("data-numbers=") for page in pages) == changed


def of_latex(tmp_path, gradient):
    path = tmp_path / "notes.md"
    path.write_text(LATEX % gradient, encoding="utf-8")
    return write_site(tmp_path / "site", [str(path)]), check(path)


def test_a_section_of_latex_is_checked_and_typeset_without_its_header(tmp_path):
    pages, report = of_latex(tmp_path, r"X^\top r")
    assert report.ok
    assert [(page.ok, page.checked) for page in pages] == [(True, True)] * 2
    for page in pages:
        assert page.body.count("✓") == 1
        assert not any(raw in page.body for raw in ("$$", "derivation:", "\\begin", "✗"))
        assert page.body.count('<figure class="graph">') == 1
    first, second = pages[0].body.split("<p>so that</p>")
    assert (first.count("<mo>=</mo>"), second.count("<mo>=</mo>")) == (1, 2)


def test_a_section_of_latex_is_judged_once(tmp_path, monkeypatch):
    asked, translated = [], Translator.translated
    monkeypatch.setattr(Translator, "translated", lambda own: asked.append(1) or translated(own))
    (tmp_path / "notes.md").write_text(LATEX % r"X^\top r", encoding="utf-8")
    (page, *_) = write_site(tmp_path / "site", [str(tmp_path / "notes.md")])
    assert "✓" in page.body
    assert len(asked) == LATEX.count("<!-- derivation")


@pytest.mark.parametrize(
    ("gradient", "mark"),
    [
        (r"2 X^\top r", "✗ off by 1.0e+00 of its scale; it is 2 times too large"),
        (r"X^\top <r", "not read: "),
        (r"\int r", "not read: int is not known"),
        (r"X_{ij} r_i", "✗ "),
    ],
)
def test_what_verify_does_not_call_right_is_marked_and_its_page_not_right(tmp_path, gradient, mark):
    pages, report = of_latex(tmp_path, gradient)
    assert [d.ok for d in report.derivations] == [page.ok for page in pages] == [False, True]
    assert mark in pages[0].body
    assert not any(shown in pages[0].body for shown in ("✓", "<figure"))
    if mark.startswith("not read"):
        assert escape(gradient) in pages[0].body


def test_a_page_below_another_is_not_right_where_a_line_on_it_is_wrong(tmp_path):
    text = "# A\n\n<!-- derivation: x : () -->\n\n$$y = 2x$$\n\n## B\n\n$$\\frac{\\partial y}{\\partial x} = 3$$\n"
    (tmp_path / "notes.md").write_text(text, encoding="utf-8")
    pages = write_site(tmp_path / "site", [str(tmp_path / "notes.md")])
    assert [(page.ok, "✗" in page.body) for page in pages] == [(False, False), (False, True)]


def test_the_book_names_what_is_not_right_and_claims_no_check_without_a_derivation(
    tmp_path, capsys
):
    path = tmp_path / "notes.md"
    for text, code, said in (
        (LATEX % r"X^\top r", 0, "all that stands on them is right"),
        (LATEX % r"2 X^\top r", 1, "not right: Least squares"),
        ("# Notes\n\n$$x$$\n", 0, "no derivation stands on them"),
    ):
        path.write_text(text, encoding="utf-8")
        assert main(["book", "-o", str(tmp_path / "site"), str(path)]) == code
        assert capsys.readouterr().out.strip().endswith(f"index.html: {said}")


def test_a_rule_with_special_points_shows_what_each_library_returns():
    body = page_of(Norm).body
    assert "<th>handgrad</th><th>JAX</th><th>torch</th>" in body
    assert "<td>Norm() at x = (0, 0)</td><td>0; (0, 0)</td><td>0; (NaN, NaN) ≠</td>" in body
    assert "At special points" not in page_of(Affine).body


def test_a_rule_counts_what_a_backward_costs_by_hand_and_by_jax():
    body = page_of(Sigmoid).body
    head, counted = body.split("By hand beside automatic differentiation")
    assert re.search(r"<td>operations</td>(<td>\d+</td>){6}", counted)
    assert "<td>kept for backward</td>" in counted
    assert "def _sigmoid_and_slope(x)" in head  # a helper stands below the rule


def test_a_side_that_no_input_takes_is_no_fault_of_a_rule():
    assert page_of(L2Normalize).ok


@pytest.mark.parametrize("cls", [Sigmoid, Affine])
def test_a_rule_has_its_derivation_its_code_its_reference_and_its_verdict(cls):
    page = page_of(cls)
    assert page.ok
    for part in ("<math", "✓", "<figure", "def backward", f"def {cls.__name__.lower()}", "PASS"):
        assert part in page.body
    assert "✗" not in page.body


def test_the_docstring_of_a_rule_is_text_and_derivation():
    first, blocks = docstring_of(Sigmoid)
    assert first == "y = 1 / (1 + e⁻ˣ)"
    assert [block.kind for block in blocks[:3]] == ["derivation", "paragraph", "derivation"]


def test_the_links_of_a_rule_are_checked_once(monkeypatch):
    drawn, points = [], Runner.points
    monkeypatch.setattr(Runner, "points", lambda runner: drawn.append(1) or points(runner))
    assert "✓" in rule_page(Sigmoid).body
    assert len(drawn) == 1
