"""Exact proofs in a check: all links that can be proved, and numbers where they are needed."""

from dataclasses import replace

import numpy as np

from handgrad.derivation.branches import Branches, unwatched
from handgrad.derivation.budget import left, limited
from handgrad.derivation.checking import MOVES, Checked, Outcome, unstated
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.exploration import look
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import is_real
from handgrad.exact.links import prove_links

SECONDS = 0.6
DOUBT = "proved in exact arithmetic, though the numbers differ: please report it"
REFUSED = "refused in exact arithmetic, by less than numbers can tell"


def first_proofs(derivation, runner):
    """A proof for each link where no comparison has sides to be taken; else none."""
    seen = Branches()
    points = runner.starts()
    with seen.watching():
        names = [look(runner, inputs, {}) for inputs, _ in points][-1]
    return [] if seen.met or names is None else _proofs(derivation, runner, points)


def proved_alone(derivation, runner, proofs):
    """The outcome of a derivation that is proved whole; None where numbers must help.

    They must where there are several ways to read a gradient, for they say which one was taken.
    """
    several = any(c.kind is Kind.LOCAL and not c.letters for c in derivation.chains)
    several |= any(given.domain in MOVES for given in derivation.givens)
    if several or not proofs or not all(proofs):
        return None
    links = [(chain, link) for chain in derivation.chains for link in chain.checked]
    checked = [
        Checked(c.kind, c.shown, k.text, k.line, exact=True, proof=str(proof))
        for (c, k), proof in zip(links, proofs, strict=True)
    ]
    names = runner.values(runner.starts()[-1][0])
    real = {n: x for n, x in names.items() if is_real(x) and n not in runner.still}
    gradients = {f"d{name}": np.zeros(np.shape(x)) for name, x in real.items()}
    return Outcome(checked, [], unstated(derivation, names | gradients))


def with_proofs(links, derivation, runner, points, proofs=()):
    """The checked links, each with what exact arithmetic says of it, at the same points if need be."""
    if not proofs:
        inputs = [(runner.inputs_of(point), point.at_values) for point in points]
        with unwatched():
            proofs = _proofs(derivation, runner, inputs)
    if len(proofs) != len(links):
        return links
    return [_with_proof(link, proof) for link, proof in zip(links, proofs, strict=True)]


def _with_proof(link, proof):
    if proof.proved and not link.ok:
        return replace(link, proof=DOUBT, disputed=True)
    if proof.refused and link.ok:
        return replace(link, proof=REFUSED, disputed=True)
    return replace(link, exact=proof.proved, proof=str(proof))


def _proofs(derivation, runner, points):
    """A proof for each link, or none at all where the time is used up."""
    try:
        with limited(min(SECONDS, left() / 3)):
            return prove_links(derivation, runner, points, runner.seed)
    except DerivationError:
        return []
