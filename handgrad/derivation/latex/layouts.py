"""Layouts: a Jacobian has the axes of y first, or those of x; all of a section are in one."""

from collections import Counter
from dataclasses import replace

from handgrad.derivation.expressions import is_derivative, of_derivative
from handgrad.derivation.jacobians import ROWS
from handgrad.derivation.lines import Line
from handgrad.derivation.seconds import is_second

WORDS = {
    "numerator": "it has the axes of {y} first, and other lines those of what stands below",
    "denominator": "it has the axes of {x} first, and other lines those of what stands above",
}


def in_one_layout(links, wanted, holds):
    """The links, those wrong that hold in another layout than most, or than the one that is wanted.

    `holds(line)` tells whether a line of the notation holds.
    """
    layouts = {i: layout for i, link in enumerate(links) if (layout := _layout(link, holds))}
    if not layouts:
        return links
    most = wanted or Counter(layouts.values()).most_common(1)[0][0]
    results = list(links)
    for i, layout in layouts.items():
        if layout != most:
            y, x = of_derivative(links[i].target)
            results[i] = replace(links[i], problem=WORDS[layout].format(y=y, x=x), read_as="")
    return results


def _layout(link, holds):
    """The only layout in which a link holds; "" where it holds in both, or is not a Jacobian."""
    whole = is_derivative(link.target) and not is_second(link.target) and "[" not in link.target
    if not link.ok or not whole:
        return ""
    y, x = of_derivative(link.target)
    if link.read_as == ROWS.format(x):
        return "denominator"
    if link.read_as == ROWS.format(y):
        both = holds(Line(f"({link.target}).T = {link.text}", link.line))
        return "" if both else "numerator"
    return ""
