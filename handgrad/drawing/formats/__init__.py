"""Pictures of the computational graph: one file for each format, found by a file's suffix."""

from handgrad.drawing.formats.dot import dot
from handgrad.drawing.formats.mermaid import mermaid
from handgrad.drawing.formats.svg import svg
from handgrad.drawing.formats.terminal import terminal
from handgrad.drawing.graph import draw_graph

OF_GRAPHS = {".svg": svg, ".dot": dot, ".mmd": mermaid}
SUFFIXES = (*OF_GRAPHS, ".txt")


def picture(walk, suffix, *, norm=False):
    """The text of a picture file with this suffix."""
    if suffix in OF_GRAPHS:
        return OF_GRAPHS[suffix](draw_graph(walk), norm=norm)
    return terminal(walk, norm=norm)
