"""Pictures of the computational graph: one module for each format, found by a file's suffix."""

from handgrad.drawing.formats import dot, mermaid, svg, terminal
from handgrad.drawing.graph import draw_graph

OF_GRAPHS = {".svg": svg, ".dot": dot, ".mmd": mermaid}
SUFFIXES = (*OF_GRAPHS, ".txt")


def picture(walk, suffix, *, norm=False):
    """The text of a picture file with this suffix."""
    if suffix in OF_GRAPHS:
        return OF_GRAPHS[suffix].render(draw_graph(walk), norm=norm)
    return terminal.render(walk, norm=norm)
