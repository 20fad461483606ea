"""The site: pages in a folder, each linked to the next, and an index of them."""

import re
from functools import partial
from html import escape
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any

import handgrad.derivation
from handgrad.common.files import write_bytes
from handgrad.common.parallel import side_by_side
from handgrad.common.text import printable
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.sources import read_text
from handgrad.pages.equations import equations_of
from handgrad.pages.links import Links
from handgrad.pages.markdown import blocks_of, inline
from handgrad.pages.page import Page, framed
from handgrad.pages.rules import docstring_of, file_of, rule_page
from handgrad.pages.sections import sections_of
from handgrad.pages.words import language_of
from handgrad.rules import catalog

ASSETS = ("style.css", "steps.js")
INDEX = "index.html"
OWN = ("book.md", "book.ko.md", "notation.md", "exact.md")
SEARCH = (
    '<p><input type="search" placeholder="a rule, or a word" aria-label="search the rules"></p>'
)


def write_site(folder, paths=(), seed=0, notice=lambda _: None):
    """Write pages of some Markdown files into a folder, or of the catalog and its book for none.

    `notice` is told what is being made. Returns the pages. Raises OSError where they cannot be
    written, and DerivationError where a file cannot be read.
    """
    own = [Path(handgrad.derivation.__file__).parent / name for name in OWN]
    files, families = paths or own, {} if paths else catalog.families()
    jobs = [*files, *chain(*families.values())]
    made = side_by_side(partial(_made, seed=seed), jobs)
    documents = [next(made) for _ in files]
    if not any(chapters for _, chapters in documents):
        raise DerivationError("there is nothing to write a page of")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        write_bytes(folder / name, (resources.files("handgrad.pages") / name).read_bytes())
    site = "handgrad" if not paths else documents[0][0]
    first = {Path(f).resolve(): p[0].name for f, (_, p) in zip(files, documents, strict=True) if p}
    links = Links(folder, first)
    pages = []
    for path, (_, chapters) in zip(files, documents, strict=True):
        mended = [links.mended(page, path) for page in chapters]
        pages += _written(folder, mended, site)
    for classes in families.values():
        of_family = []
        for cls in classes:
            notice(cls.__name__)
            of_family.append(next(made))
        pages += _written(folder, of_family, site)
    index = Page(INDEX, site, _index(documents, families, site))
    _written(folder, [index], site)
    return pages


def _made(job, seed) -> Any:
    """The chapters of a file, or the page of a rule."""
    return rule_page(job, seed) if isinstance(job, type) else _chapters(job, seed)


def _written(folder, pages, site):
    for i, page in enumerate(pages):
        before = pages[i - 1] if i else None
        after = pages[i + 1] if i + 1 < len(pages) else None
        write_bytes(folder / page.name, framed(page, site, before, after).encode())
    return pages


def _chapters(path, seed):
    """The title of a Markdown file, and a page for each of its headings of the second level."""
    text = read_text(path)
    blocks = blocks_of(text)
    latex = equations_of(text, str(path), seed)
    title = next((b.lines[0] for b in blocks if b.kind == "heading"), Path(path).stem)
    groups = [[]]
    for block in blocks:
        begins = block.kind == "heading" and block.level <= 2
        if begins and any(b.kind != "heading" for b in groups[-1]):
            groups.append([])
        groups[-1].append(block)
    names, pages = set(), []
    for group in filter(None, groups):
        head = next((b.lines[0] for b in group if b.kind == "heading"), title)
        sections = sections_of(group, str(path), head, seed, latex)
        pages.append(_chapter(sections, str(path), head, names))
    return printable(title), pages


def _chapter(sections, path, head, names):
    body = "\n".join(section.html() for section in sections)
    stem = re.sub(r"[^\w]+", "-", f"{Path(path).stem} {head}".casefold()).strip("-")
    name = next(n for n in (f"{stem}{k or ''}.html" for k in range(10_000)) if n not in names)
    names.add(name)
    ok = all(section.ok for section in sections)
    checked = any(section.is_checked for section in sections)
    return Page(name, printable(head), body, ok, language_of(path), checked)


def _index(documents, families, site):
    """What there is: the chapters of each document, and the rules of each family."""
    parts = [f"<h1>{escape(site)}</h1>"]
    for title, chapters in documents:
        items = "".join(
            f'<li><a href="{escape(page.name)}">{inline(page.title)}</a>{"" if page.ok else " ✗"}</li>'
            for page in chapters
        )
        parts.append(f"<h2>{inline(title)}</h2><ol>{items}</ol>")
    if families:
        parts.append(f"<h2>The rules</h2>{SEARCH}")
    for family, classes in families.items():
        items = "".join(_item(cls) for cls in classes)
        name = family.replace("_", " ").capitalize()
        parts.append(
            f'<section class="family"><h3>{name}</h3><ul class="rules">{items}</ul></section>'
        )
    return "\n".join(parts)


def _item(cls):
    formula = docstring_of(cls)[0]
    return f'<li><a href="{file_of(cls)}">{cls.__name__}</a><small>{inline(formula)}</small></li>'
