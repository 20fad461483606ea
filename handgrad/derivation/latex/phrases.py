r"""Phrases: what is written in \text{…} or in \operatorname{…}, one name or words."""

import re

import numpy as np

from handgrad.derivation.latex import tree
from handgrad.derivation.vocabulary import vocabulary

AXIS = re.compile(r"axis(?P<at>-?[0-9]{1,2}|\(-?[0-9]{1,2}(,-?[0-9]{1,2}){1,3}\))")
SUBSCRIPTS = re.compile(r"[a-zA-Z.,]+->[a-zA-Z.]*")  # of an einsum
OPTION = re.compile(r"[a-z_]+=")
ALPHABETIC = re.compile(r"[^\W_]+")


def phrase(found, names, at):
    """The name that some tokens write, or their words. `names` are those of several letters."""
    joined = "".join(t.text for t in found)
    if axis := AXIS.fullmatch(joined):
        return tree.Words(at, f"axis={axis['at']}")
    if SUBSCRIPTS.fullmatch(joined) or OPTION.fullmatch(joined):
        return tree.Words(at, joined)
    if any(t.text == "-" for t in found):  # log-softmax is log_softmax
        joined = "".join(t.text if t.text != "-" else "_" for t in found)
        if joined in vocabulary(np):
            return tree.Symbol(at, joined, "", "word")
    words = "".join((" " * (not t.glued)) + t.text for t in found if t.text != "-").strip()
    if all(t.kind in {"letter", "number"} for t in found) and ALPHABETIC.fullmatch(words):
        return tree.Symbol(at, words, "", "word")
    compact = "".join(t.text for t in found if t.kind != "sign")
    known = compact if compact.lower() in names else ""
    return tree.Symbol(at, known, "", "word") if known else tree.Words(at, words)
