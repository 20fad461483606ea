"""A page: its file, its title, what is on it, and the frame that every page has."""

from dataclasses import dataclass
from html import escape

from handgrad import __version__
from handgrad.pages.words import worded

FRAME = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="style.css">
<script src="steps.js" defer></script>
</head>
<body>
<header><a href="index.html">{site}</a>{links}</header>
<main>
{body}
</main>
<footer>handgrad {version}: {checked}</footer>
</body>
</html>
"""


@dataclass(frozen=True)
class Page:
    """A page of a site. `ok` says whether all that stands on it is right, `checked` whether a
    derivation does.
    """

    name: str
    title: str
    body: str
    ok: bool = True
    language: str = "en"
    checked: bool = True


def framed(page, site, before=None, after=None):
    """The text of a page's file, with links to the pages before and after it."""
    links = "".join(
        f'<a href="{escape(other.name)}" rel="{rel}">{sign[0]}{escape(other.title)}{sign[1]}</a>'
        for other, rel, sign in ((before, "prev", ("← ", "")), (after, "next", ("", " →")))
        if other
    )
    title = page.title if page.title == site else f"{page.title} · {site}"
    return FRAME.format(
        title=escape(title),
        site=escape(site),
        links=links,
        body=page.body,
        version=__version__,
        language=escape(page.language),
        checked=worded("every ✓ was checked when this page was made.", page.language),
    )
