"""Terms: which path of the chain rule a wrong gradient leaves out, counts twice, or gets wrong.

On the tape of the forward every operation's derivative is at hand. One after another is spoiled; if
what comes out is the wrong gradient, that operation is where the error is.
"""

import itertools
from functools import cached_property

import numpy as np

from handgrad.judge.diagnosis.flow import Flow
from handgrad.judge.diagnosis.hypotheses import collapsed, kept, rearranged
from handgrad.judge.diagnosis.naming import input_name, percent, rounded, stated
from handgrad.judge.diagnosis.operands import operands
from handgrad.judge.diagnosis.operations import rank
from handgrad.judge.diagnosis.points import EXACT
from handgrad.judge.diagnosis.slopes import masks, slopes
from handgrad.judge.diagnosis.sums import sums, sums_together
from handgrad.judge.diagnosis.tape import Edge

PICKS = {"gather", "index", "index_select", "embedding", "as_strided", "unfold", "slice"}
PICKS |= {"dynamic_slice"}
PAIRS = 1000  # of paths that are tried together
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne", "max", "min", "clamp", "select_n"}
FACTORS = {1.0: "dropped", 2.0: "of the wrong sign", -1.0: "counted twice", 0.5: "halved"}


class Flows:
    """The flow of the gradients at every point; those after the first are seldom needed."""

    def __init__(self, points):
        self.points = points

    @cached_property
    def first(self):
        return Flow(self.points[0])

    @cached_property
    def others(self):
        first = self.points[0]
        fixed = [i for i in range(len(first.inputs)) if i not in first.trial.real]
        return [
            Flow(point)
            for point in self.points[1:]
            if all(np.array_equal(point.inputs[i], first.inputs[i]) for i in fixed)
        ]

    def sentence(self, which=()):
        """On the operation whose derivative is wrong: for these inputs, or all together; or ""."""
        for inputs, part in self.first.parts():
            if inputs == list(which or self.first.tape.inputs):
                for family in FAMILIES:
                    touched, words = self._from(family, inputs, part)
                    if words:
                        return words if which else stated(self.points[0].trial, touched, words)
        return ""

    def _from(self, family, which, part):
        """The most telling member of a family of hypotheses that explains the error."""
        found, flow = [], self.first
        for order, says, delta in family(flow, part, self.points[0]):
            change = delta(flow)
            if change is not None and (left := flow.left(change, part)) <= EXACT:
                found.append((order, len(found), says, delta, left))
        for _, _, says, delta, left in sorted(found, key=lambda f: f[:2]):
            if all(_holds(other, delta, part) for other in self.others):
                touched = _touched(flow, delta(flow), which)
                return touched, f"{says} ({percent(left)})"
        return [], ""


def _holds(flow, delta, part):
    change = delta(flow)
    return change is not None and flow.left(change, part) <= EXACT


def _touched(flow, change, which):
    parts = flow.tape.split(change)
    return [i for i in which if np.any(np.abs(parts[i]) > flow.accuracy)] or which


def weights(flow, part, _):
    """One path has the wrong weight: it is dropped, counted twice, or of the wrong sign."""
    for says, order, delta in paths(flow.tape):
        c = -flow.weight(delta(flow), part)
        if abs(c) > 1e-8:
            yield (abs(c - 1) > 1e-6, *order), _weighed(c, says), _times(delta, -c)


def _times(delta, c):
    return lambda flow: c * delta(flow)


def _weighed(c, says):
    for known, word in FACTORS.items():
        if abs(c - known) < 1e-6:
            return f"{'lacks' if known == 1 else 'has'} a term{' that is wrong' * (known != 1)}: {says} is {word}"
    return f"has a term that is wrong: {says} is there {rounded(1 - c)} times"


def paths(tape):
    """(words, order, what the path adds) for every edge, and every node with several operands."""
    for k, edge in enumerate(tape.edges):
        target, source = tape.nodes[edge.target], tape.nodes[edge.source]
        alone = len(tape.into[edge.target]) == 1
        says = f"the path through {target.name}"
        if not alone:
            says = f"the path from {source.name} into {target.name}"
        yield says, (rank(target.kind), not alone), _edge_term(k)
    for b, node in enumerate(tape.nodes):
        if len(tape.into[b]) > 1:
            yield f"the path through {node.name}", (rank(node.kind), True), _node_term(b)


def _edge_term(k):
    def term(flow):
        edge = flow.tape.edges[k]
        return flow.tape.onwards[edge.source] @ edge.pull(flow.cts[edge.target])

    return term


def _node_term(b):
    return lambda flow: flow.tape.onwards[b] @ flow.cts[b]


def loops(flow, *_):
    """In a loop, the same operation is wrong at every turn."""
    groups = {}
    for k, edge in enumerate(flow.tape.edges):
        node = flow.tape.nodes[edge.target]
        if node.line:
            source = flow.tape.nodes[edge.source]
            origin = source.kind or source.name
            groups.setdefault((node.kind, edge.place, node.line, origin), []).append(k)
    for ks in groups.values():
        edge = flow.tape.edges[ks[0]]
        node = flow.tape.nodes[edge.target]
        for several, where in ((ks, "at every turn"), (ks[1:], "at every turn but the first")):
            if len(several) > 1:
                says = f"lacks a term: the path through {node.name} is dropped {where}"
                yield (rank(node.kind), edge.place), says, _reweighed(several)


def _reweighed(ks, weight=0.0):
    """The change of the gradients when what flows through these edges has another weight."""

    def delta(flow):
        changed = {id(flow.tape.edges[k]) for k in ks}

        def hook(edge, _, pulled):
            return weight * pulled if id(edge) in changed else pulled

        return flow.tape.of_inputs(flow.tape.gradients(flow.dy, hook)) - flow.right

    return delta


def weighted(flow, _, point):
    """An input is a factor too many, or missing, on one path."""
    for k, edge in enumerate(flow.tape.edges):
        target, source = flow.tape.nodes[edge.target], flow.tape.nodes[edge.source]
        for i in flow.tape.inputs:
            for side, node in (("target", target), ("source", source)):
                if not fits(point.inputs[i].shape, node.shape) or (
                    side == "source" and edge.back.ndim == 1
                ):
                    continue
                says = f"has a factor {input_name(point.trial, i)}"
                path = f"on the path from {source.name} into {target.name}"
                yield (rank(target.kind), 0), f"{says} too many {path}", _extra(k, i, side, 1)
                yield (rank(target.kind), 1), f"{says} missing {path}", _extra(k, i, side, -1)


def fits(shape, wanted):
    """Whether an array of a shape can be a factor of one of another shape."""
    try:
        return len(shape) > 0 and np.broadcast_shapes(shape, wanted) == wanted
    except ValueError:
        return False


def _extra(k, i, side, power):
    def delta(flow):
        edge = flow.tape.edges[k]
        node = flow.tape.nodes[edge.target if side == "target" else edge.source]
        factor = np.broadcast_to(flow.given[i].astype(float), node.shape).ravel()
        with np.errstate(all="ignore"):
            factor = factor**power
        if not np.all(np.isfinite(factor)):
            return None
        ct = flow.cts[edge.target]
        changed = edge.pull(ct * factor) if side == "target" else edge.pull(ct) * factor
        return flow.tape.onwards[edge.source] @ (changed - edge.pull(ct))

    return delta


def changes(flow, *_):
    """The gradient that arrives at an operation is put in another order, summed, or masked."""
    for b, node in enumerate(flow.tape.nodes):
        if not node.size > 1:
            continue
        for order, (words, change) in enumerate(_changes(node.shape)):
            says = f"is wrong: what arrives at {node.name} is {words}"
            yield (order, rank(node.kind)), says, _changed_node(b, change)
        if node.value is not None and np.all(node.value != 0):
            for order, (words, change) in enumerate(collapsed(node.shape)):
                says = f"is wrong: what arrives at {node.name}, as a share of it, is {words}"
                yield (order, rank(node.kind)), says, _changed_node(b, change, relative=True)
        for k, edge in enumerate(flow.tape.edges):
            if edge.target == b and len(flow.tape.into[b]) > 1:
                source = flow.tape.nodes[edge.source].name
                for order, (words, change) in enumerate(_changes(node.shape)):
                    says = f"is wrong: what goes from {node.name} back to {source} is {words}"
                    yield (order, rank(node.kind)), says, _changed_edge(k, change)


def _changes(shape):
    yield from rearranged(shape)
    yield from collapsed(shape)
    for axis, place, only, without in kept(shape):
        yield (
            f"used in {place} alone: the sum over axis {axis} is missing, or a mask is wrong",
            only,
        )
        yield f"masked in {place}", without


def _changed_node(b, change, *, relative=False):
    def delta(flow):
        ct, node = flow.cts[b], flow.tape.nodes[b]
        weight = node.value.ravel() if relative else np.ones(node.size)
        changed = change((ct * weight).reshape(node.shape)).ravel() / weight
        return flow.tape.onwards[b] @ (changed - ct)

    return delta


def _changed_edge(k, change):
    def delta(flow):
        edge: Edge = flow.tape.edges[k]
        ct = flow.cts[edge.target]
        changed = np.ravel(change(ct.reshape(flow.tape.nodes[edge.target].shape)))
        return flow.tape.onwards[edge.source] @ (edge.pull(changed) - edge.pull(ct))

    return delta


def pairs(flow, part, _):
    """Two paths are dropped together, or of the wrong sign."""
    distinct = []
    for k in range(len(flow.tape.edges)):
        term = _edge_term(k)(flow)[part]
        if np.any(term) and not any(np.allclose(term, other, rtol=1e-9) for _, other in distinct):
            distinct.append((k, term))
    for (a, _), (b, _) in itertools.islice(itertools.combinations(distinct, 2), PAIRS):
        names = [flow.tape.nodes[flow.tape.edges[k].target] for k in (a, b)]
        where = "the paths through " + " and ".join(n.name for n in names)
        order = sum(rank(n.kind) for n in names)
        yield order, f"lacks terms: {where} are dropped", _reweighed((a, b))
        says = f"has terms that are wrong: {where} are of the wrong sign"
        yield order, says, _reweighed((a, b), -1.0)


def constants(flow, part, point):
    """A number in the forward is another one in the backward."""
    program = point.truth.program
    known = [c for c, _ in program.constants]
    for n, (c, step) in enumerate(program.constants):
        if step.kind in COMPARISONS:
            continue
        for words, value in _other_constants(c):
            where = f" (in {step.line})" if step.line else f" (in `{step.kind}`)"
            says = f"is computed as if the constant {rounded(c)}{where} were {words}"
            yield (0,), says, _with_constant(program, known, n, value)


def _other_constants(c):
    if not np.isfinite(c):
        return
    numbers = [0.0, 1.0, -c, 2 * c, c / 2, c * c, 1 / c if c else 0.0]
    if c == round(c) and c > 2:
        numbers += [c - 1, c + 1]
    for value in dict.fromkeys(numbers):
        if value != c and np.isfinite(value):
            yield rounded(value), value


def _with_constant(program, known, n, value):
    def delta(flow):
        changed = [*known[:n], value, *known[n + 1 :]]
        tape = program.tape(flow.given, changed)
        return tape.of_inputs(tape.gradients(flow.dy)) - flow.right

    return delta


def moved_masks(flow, _, point):
    """A mask that the forward holds is another one in the backward."""
    program = point.truth.program
    for s, place, mask in program.masks:
        line = program.steps[s].line
        where = f" (in {line})" if line else ""
        for order, (words, changed) in enumerate(_other_masks(mask)):
            says = f"is computed as if the mask{where} were {words}"
            yield (order,), says, _with_mask(program, s, place, changed)


def _other_masks(mask):
    for axis in range(mask.ndim - 1, -1, -1):
        for step in (1, -1):
            moved = np.roll(mask, step, axis)
            edge = [slice(None)] * mask.ndim
            edge[axis] = 0 if step > 0 else -1
            moved[tuple(edge)] = mask[tuple(edge)]
            yield f"shifted by {step} along axis {axis} (is it off by one?)", moved
    low, high = np.unique(mask)
    yield "turned round", np.where(mask == low, high, low).astype(mask.dtype)
    yield f"{high} everywhere: it is ignored", np.full_like(mask, high)


def _with_mask(program, s, place, mask):
    def delta(flow):
        tape = program.with_mask(s, place, mask).tape(flow.given)
        return tape.of_inputs(tape.gradients(flow.dy)) - flow.right

    return delta


def overlaps(flow, *_):
    """Where a number is taken several times, its gradients are not added up."""
    taken = {}
    for k, edge in enumerate(flow.tape.edges):
        if flow.tape.nodes[edge.target].kind in PICKS and edge.back.ndim > 1:
            taken.setdefault(edge.source, []).append(k)
    for source, ks in taken.items():
        target = flow.tape.nodes[flow.tape.edges[ks[0]].target]
        way = f"from {target.name} back to {flow.tape.nodes[source].name}"
        for which, last in (("last", True), ("first", False)):
            says = f"is wrong: what goes {way} is assigned, and not added: the {which} one stays"
            yield (rank(target.kind), not last), says, _alone(ks, last=last)


def _alone(ks, *, last):
    """The change of the gradients when each number of a source hears from one of its uses alone."""

    def delta(flow):
        edges = [flow.tape.edges[k] for k in ks]
        back = np.concatenate([edge.back for edge in edges], axis=1)
        places = np.arange(back.shape[1])
        used = np.where(back != 0, places, -1 if last else len(places))
        chosen = np.max(used, axis=1) if last else np.min(used, axis=1)
        others = back * (places != chosen[:, None])
        ct = np.concatenate([flow.cts[edge.target] for edge in edges])
        return -flow.tape.onwards[edges[0].source] @ (others @ ct)

    return delta


FAMILIES = (
    weights,
    loops,
    slopes,
    masks,
    overlaps,
    sums,
    weighted,
    changes,
    operands,
    sums_together,
    pairs,
    constants,
    moved_masks,
)
