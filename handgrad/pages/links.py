"""Links: what a document points to on the disk, as its pages in another folder reach it."""

import os
import re
from dataclasses import dataclass, field, replace
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote, unquote

from handgrad.common.files import write_bytes
from handgrad.derivation.sources import is_file

TARGET = re.compile(r'(?P<head> (?:href|src)=")(?P<to>[^"#:]+)(?=["#])')
IMAGES = {".apng", ".avif", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".webp"}
FOLDER = "files"


@dataclass
class Links:
    """The links of documents, whose pages lie in a folder. `pages` has the first page of each.

    Images beside a document, or in a folder there, are copied. A link to another document of the site
    goes to its page, and every other one to the file where it lies.
    """

    folder: Path
    pages: dict[Path, str]
    copied: dict[Path, str] = field(default_factory=dict)

    def mended(self, page, path):
        """A page of the document at a path, with its links as they hold from the folder."""
        beside = Path(path).resolve().parent
        body = TARGET.sub(
            lambda match: match["head"] + escape(self._from_here(match["to"], beside)), page.body
        )
        return replace(page, body=body)

    def _from_here(self, link, beside):
        link = unescape(link)
        target = beside / unquote(link)
        if link.startswith("/") or not is_file(target):
            return link
        target = target.resolve()
        if target in self.pages:
            return self.pages[target]
        if target.suffix.lower() in IMAGES and target.is_relative_to(beside):
            return quote(self._copy(target))
        return quote(Path(os.path.relpath(target, self.folder.resolve())).as_posix())

    def _copy(self, image):
        """The name of an image's copy; another image of the same name has a number behind it."""
        if image not in self.copied:
            numbers = ["", *range(2, len(self.copied) + 3)]
            names = (f"{FOLDER}/{image.stem}{number}{image.suffix}" for number in numbers)
            name = next(name for name in names if name not in self.copied.values())
            (self.folder / FOLDER).mkdir(exist_ok=True)
            write_bytes(self.folder / name, image.read_bytes())
            self.copied[image] = name
        return self.copied[image]
