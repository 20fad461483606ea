"""Pictures of the computational graph: one file for each format, found by a file's suffix."""

from handgrad.derivation.drawing.graph import draw_graph
from handgrad.derivation.drawing.pictures.dot import dot
from handgrad.derivation.drawing.pictures.mermaid import mermaid
from handgrad.derivation.drawing.pictures.svg import svg
from handgrad.derivation.drawing.pictures.terminal import terminal

OF_GRAPHS = {".svg": svg, ".dot": dot, ".mmd": mermaid}
SUFFIXES = (*OF_GRAPHS, ".txt")


def picture(walk, suffix, *, norm=False):
    """The text of a picture file with this suffix."""
    if suffix in OF_GRAPHS:
        return OF_GRAPHS[suffix](draw_graph(walk), norm=norm)
    return terminal(walk, norm=norm)
