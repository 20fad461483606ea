"""Markdown as HTML: the part of it that derivations are written in, and nothing that is obeyed."""

import pytest

from handgrad.pages.markdown import blocks_of, html_of, inline

TABLE = (
    '<div class="wide"><table><thead><tr><th>a</th><th>b</th></tr></thead>'
    "<tbody><tr><td>1</td><td><code>2</code></td></tr></tbody></table></div>"
)


def html(text):
    return [html_of(block) for block in blocks_of(text)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a **bold** word", "a <strong>bold</strong> word"),
        ("an *italic* word", "an <em>italic</em> word"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("a `code * x`", "a <code>code * x</code>"),
        ("``a ` b``", "<code>a ` b</code>"),
        ("[here](notes.html#a)", '<a href="notes.html#a">here</a>'),
        (
            "[out](https://example.org/a?b=1&c=2)",
            '<a href="https://example.org/a?b=1&amp;c=2">out</a>',
        ),
        ("[bad](javascript:alert(1))", "[bad](javascript:alert(1))"),
        ("[bad](data:text/html)", "[bad](data:text/html)"),
        ("<script>x</script> & more", "&lt;script&gt;x&lt;/script&gt; &amp; more"),
        ("![a plot](img/a.png)", '<img src="img/a.png" alt="a plot">'),
        (
            '![a"b](https://example.org/a?b&c)',
            '<img src="https://example.org/a?b&amp;c" alt="a&quot;b">',
        ),
        ("![bad](data:image/svg+xml,x)", "![bad](data:image/svg+xml,x)"),
        ("![bad](http://example.org/a.png)", "![bad](http://example.org/a.png)"),
        ("![bad](//example.org/a.png)", "![bad](//example.org/a.png)"),
        ("a <!-- word --> b", "a  b"),
        ("$x^2$", "<math><msup><mi>x</mi><mn>2</mn></msup></math>"),
        (r"$\ell < 1$", "<math><mrow><mi>ℓ</mi><mo>&lt;</mo><mn>1</mn></mrow></math>"),
        (r"$x \sim p$", r"<code>x \sim p</code>"),
        ("$p(y | x)$", "<code>p(y | x)</code>"),
        ("$(0, 1]$", "<code>(0, 1]</code>"),
        ("$<b>$", "<code>&lt;b&gt;</code>"),
        ("costs $5 and $6", "costs $5 and $6"),
        ('[a"b](c"d)', '<a href="c&quot;d">a&quot;b</a>'),
    ],
)
def test_a_line(text, says):
    assert inline(text) == says


def test_blocks_of_every_kind():
    text = (
        "# Title\n\nOne line\nand the next.\n\n* first\n  goes on\n* second\n\n1. one\n2. two\n\n"
        "| a | b |\n|---|--:|\n| 1 | `2` |\n\n```python\n<x>\n```\n\n```derivation\nx : ()\n```\n"
    )
    assert html(text) == [
        "<h1>Title</h1>",
        "<p>One line and the next.</p>",
        "<ul><li>first goes on</li><li>second</li></ul>",
        "<ol><li>one</li><li>two</li></ol>",
        TABLE,
        "<pre><code>&lt;x&gt;</code></pre>",
        "<pre><code>x : ()</code></pre>",
    ]


def test_quotations_rules_comments_and_displays_are_blocks():
    text = (
        "> **so** he\n> said\n\n***\n\ntext\n---\n<!-- not\n\n# shown -->\nIt is $$\na_{<}\n$$ here.\n\n"
        "```\n<!-- $$x$$ -->\n```\n"
    )
    assert html(text) == [
        "<blockquote><p><strong>so</strong> he said</p></blockquote>",
        "<hr>",
        "<p>text</p>",
        "<hr>",
        "",
        "<p>It is</p>",
        "<pre><code>$$\na_{&lt;}\n$$</code></pre>",
        "<p>here.</p>",
        "<pre><code>&lt;!-- $$x$$ --&gt;</code></pre>",
    ]


def test_a_comment_that_is_not_closed_hides_nothing_below_it():
    assert html("<!-- a ->\n\n# B\n") == ["<p>&lt;!-- a -&gt;</p>", "<h1>B</h1>"]


def test_a_quotation_in_many_others_is_one():
    assert html(">  " * 5000 + "a") == ["<blockquote><p>a</p></blockquote>"]


def test_a_block_behind_a_display_knows_its_lines():
    *_, block = blocks_of("# A\n\n$$\nx\n$$\n\n```derivation\nx : ()\ny = x\n```\n")
    assert (block.kind, block.number, block.last) == ("derivation", 8, 9)


def test_a_block_knows_its_lines():
    *_, block = blocks_of("# A\n\ntext\n\n```derivation\nx : ()\ny = x\n```\n")
    assert (block.kind, block.number, block.last) == ("derivation", 6, 7)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "```derivation\nx : ()", "|", "- ", "#", "[](", "*" * 500]
)
def test_what_is_not_finished_is_text(text):
    assert "<script" not in "".join(html(text))
