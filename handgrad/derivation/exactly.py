"""Exact proofs in a check: all links that can be proved, and numbers where they are needed."""

import ast
from dataclasses import replace

import numpy as np

from handgrad.derivation.branches import KINKS, unwatched
from handgrad.derivation.budget import left, limited
from handgrad.derivation.checking import Checked, Outcome, unstated
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.exploration import further_inputs
from handgrad.derivation.expressions import names_in
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import is_real
from handgrad.exact.links import prove_links

SECONDS = 1.5
DOUBT = "proved in exact arithmetic, though the numbers differ: please report it"
LATE = "by numbers: no time was left"
REFUSED = "refused in exact arithmetic, by less than numbers can tell"


def first_proofs(derivation, runner):
    """(a proof for each link, the sides that comparisons took), without the gradients' numbers.

    There are no proofs where a side depends on a gradient, or where the time is used up.
    """
    starts = runner.starts
    with unwatched():
        others, seen = further_inputs(runner, [inputs for inputs, _ in starts])
        if seen.met and _compares_gradients(derivation):
            return None, seen
        points = [*starts, *((inputs, False) for inputs in others)]
        return _proofs(derivation, runner, points), seen


def _compares_gradients(derivation):
    """Whether the side that a comparison takes depends on a gradient, or on how something moves."""
    forward = [given.name for given in derivation.givens]
    forward += [name for chain in derivation.definitions for name in chain.targets]
    backward = {f"{d}{name}" for name in forward for d in "dδ"} | derivation.derivatives
    for chain in derivation.chains:
        for link in chain.links:
            if any(backward & set(names_in(side)) for side in _compared_in(link.node)):
                return True
            if chain.kind is Kind.AUXILIARY and backward & set(names_in(link.node)):
                backward |= set(chain.targets)
    return False


def _compared_in(node):
    """The parts of an expression that decide which side is taken."""
    for inner in ast.walk(node):
        match inner:
            case ast.Compare():
                yield inner
            case ast.Call(func=ast.Name(id="where"), args=[condition, *_]):
                yield condition
            case ast.Call(func=ast.Name(id=name)) if name in KINKS:
                yield inner


def proved_alone(derivation, runner, proofs, seen):
    """The outcome of a derivation that is proved whole; None where numbers must help."""
    if not proofs or not all(proofs):
        return None
    links = [(chain, link) for chain in derivation.chains for link in chain.checked]
    checked = [
        Checked(
            c.kind, c.shown, k.text, k.line, read_as=proof.read_as, exact=True, proof=str(proof)
        )
        for (c, k), proof in zip(links, proofs, strict=True)
    ]
    names = runner.values(runner.starts[-1][0])
    real = {n: x for n, x in names.items() if is_real(x) and n not in runner.still}
    gradients = {f"d{name}": np.zeros(np.shape(x)) for name, x in real.items()}
    return Outcome(checked, seen.unseen, unstated(derivation, names | gradients))


def hold(derivation, runner):
    """Whether each link holds, in exact arithmetic or by the floats beside it; None where one is open."""
    proofs, _ = first_proofs(derivation, runner)
    if not proofs or not all(proof.decided or proof.apart for proof in proofs):
        return None
    return [proof.proved for proof in proofs]


def with_proofs(links, derivation, runner, points, proofs=None):
    """The checked links, each with what exact arithmetic says of it, at the same points if need be."""
    if proofs is None:
        inputs = [(runner.inputs_of(point), point.at_values) for point in points]
        with unwatched():
            proofs = _proofs(derivation, runner, inputs)
    if len(proofs) != len(links):
        return [replace(link, proof=LATE) for link in links]
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
