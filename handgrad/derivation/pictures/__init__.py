"""Pictures of the computational graph: one file for each format, found by a file's suffix."""

from handgrad.derivation.graph import draw_graph
from handgrad.derivation.pictures.dot import dot
from handgrad.derivation.pictures.mermaid import mermaid
from handgrad.derivation.pictures.svg import svg
from handgrad.derivation.pictures.terminal import terminal

OF_GRAPHS = {".svg": svg, ".dot": dot, ".mmd": mermaid}
SUFFIXES = (*OF_GRAPHS, ".txt")


def picture(walk, suffix, *, norm=False):
    """The text of a picture file with this suffix."""
    if suffix in OF_GRAPHS:
        return OF_GRAPHS[suffix](draw_graph(walk), norm=norm)
    return terminal(walk, norm=norm)
