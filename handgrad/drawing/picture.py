"""The picture of a derivation: text when it is printed, and a file in any format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handgrad.common.files import write_bytes
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.sources import only, scopes_at
from handgrad.drawing.formats import GRAPHS, TEXTS, picture, raster
from handgrad.drawing.graph import Walk, walk
from handgrad.drawing.steps import steps


@dataclass(frozen=True, repr=False)
class Picture:
    """The computational graph of a derivation, with values going right and gradients back."""

    walk: Walk
    norm: bool = False
    form: str = "numbers"

    def __str__(self):
        return self.written_as(".txt").rstrip("\n")

    __repr__ = __str__

    def _repr_svg_(self) -> str:
        return self.written_as(".svg")

    @property
    def steps(self) -> str:
        """The walk forward and back, step by step."""
        return steps(self.walk, norm=self.norm).rstrip("\n")

    def written_as(self, suffix: str) -> str:
        """The text of a file: .svg, .dot, .mmd (Mermaid) or .txt. Raises ValueError for others."""
        if suffix not in TEXTS:
            raise ValueError(f"{suffix!r} is not a format: choose {', '.join(TEXTS)}")
        return picture(self.walk, suffix, norm=self.norm, form=self.form)

    def save(self, path: str | Path) -> None:
        """Write the picture to a file, whose suffix decides the format.

        That may be .png and .pdf, too, with the extra `plot`.
        """
        suffix = Path(path).suffix
        if suffix in raster.SUFFIXES:
            write_bytes(path, raster.converted(self.written_as(".svg"), suffix))
        else:
            write_bytes(path, self.written_as(suffix).encode())


def draw(source: Any, *, norm: bool = False, form: str = "numbers", seed: int = 0) -> Picture:
    """Draw the computational graph of a derivation, as `handgrad draw` does.

    source  a rule, such as Sigmoid(); a text with a line break in it; or a file, as for `check`
    norm    write the norms of arrays beside their shapes
    form    "numbers"; "forward", before anything comes back; "symbolic", formulas on the edges; or
            "simplified", all of it as one node
    seed    of the numbers, where the derivation states no values

    >>> from handgrad import Sigmoid, draw
    >>> draw(Sigmoid()).save("sigmoid.svg")

    Raises TypeError for a class in the place of a rule and for what is neither, and ValueError where there is no derivation
    or more than one, or no such form.
    """
    if form not in GRAPHS:
        raise ValueError(f"{form!r} is not a form: choose {', '.join(GRAPHS)}")
    if isinstance(source, type):
        raise TypeError(f"{source.__name__} is a class: pass a rule, such as {source.__name__}()")
    if not (isinstance(source, str | Path) or callable(source) or hasattr(source, "forward")):
        raise TypeError(f"{source!r} is neither a rule nor a text: pass one, such as Sigmoid()")
    if isinstance(source, str | Path):
        scope = only(scopes_at(source), str(source))
        derivation = scope.derivation()
        if "\n" in str(source) and scope.title == scope.path:  # a text without a heading
            derivation.title = ", ".join(derivation.outputs)
    else:
        derivation = derivation_of(source)
    return Picture(walk(derivation, seed), norm, form)
