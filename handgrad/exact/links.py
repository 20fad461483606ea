"""Derivations: each link decided by identity testing, at points that the check has chosen."""

from handgrad.common.random import generator
from handgrad.derivation.budget import BudgetError
from handgrad.derivation.comparison import is_number
from handgrad.exact.draw import Draw
from handgrad.exact.forward import squares_of
from handgrad.exact.functions import CIRCULAR, EXPONENTIALS
from handgrad.exact.literals import exactly
from handgrad.exact.proof import Proof, Tally, together
from handgrad.exact.statements import Statements

LEVELS = (1, 2, 4, 7)  # fields, with exponentials of as many exponentials, less one

DISCRETE = {"label", "mask", "one_hot"}


def prove_links(derivation, runner, points, seed):
    """A proof for each link that is checked.

    `points` are pairs: the inputs as numbers, and whether they are the values that are stated. A
    link that is a number is a claim about those values alone, as long as there are any. Where no
    comparison decided anything, and there are no labels or masks, one random point stands for all. What
    is not proved at one point is not asked for at others.
    """
    links = [link for chain in derivation.chains for link in chain.checked]
    derivation = exactly(derivation)
    discrete = any(given.domain in DISCRETE for given in derivation.givens)
    valued = any(stated for _, stated in points)
    found, settled, fields = [[] for _ in links], False, [0] * len(links)
    for number, (inputs, stated) in enumerate(points):
        wanted = [
            (not valued or is_number(link.node) == stated) and all(own)
            for link, own in zip(links, found, strict=True)
        ]
        if not any(wanted) or (settled and not stated):
            continue
        further = not stated and not all(stated for _, stated in points[:number])
        test = _Test(derivation, runner, (inputs, stated), (seed, number), further=further)
        for own, proof, want in zip(found, test.proofs(wanted, fields), wanted, strict=True):
            own.extend([proof] * want)
        settled |= not (stated or discrete or test.branched)
    missing = [Proof(reason="no point was tried")]
    return [together(own or missing) for own in found]


class _Test:
    """The test of a derivation's links at one point, in as many draws as the proofs need."""

    def __init__(self, derivation, runner, point, seed, *, further=False):
        self.derivation, self.runner, self.seed = derivation, runner, seed
        self.inputs, self.stated = point
        self.further, self.branched = further, False

    def proofs(self, wanted, fields):
        """A proof for each link, in more fields until those that are wanted are decided.

        `fields` has how many each link took at the point before, where fewer were too few.
        """
        found = [Proof(reason=EXPONENTIALS)] * len(wanted)
        for levels in LEVELS:
            open_ones = [
                w and not p.decided and levels >= least
                for w, p, least in zip(wanted, found, fields, strict=True)
            ]
            if not any(open_ones):
                continue
            if levels > 1 and not any(
                o and (EXPONENTIALS in p.reason or CIRCULAR in p.reason)
                for o, p in zip(open_ones, found, strict=True)
            ):
                break
            tallies = [Tally(further=self.further) for _ in wanted]
            try:
                self._tally(levels, tallies, open_ones)
            except BudgetError:
                self.branched = True
                late = Proof(reason="no time was left")
                return [p if p.decided else late for p in found]
            found = [
                t.proof() if o else p for t, o, p in zip(tallies, open_ones, found, strict=True)
            ]
            fields[:] = [levels if o else n for o, n in zip(open_ones, fields, strict=True)]
        return found

    def _tally(self, levels, tallies, wanted):
        """Draw until every link that is wanted is tested, and its roots are known well enough."""
        number, of_forward = 0, frozenset()
        wanted = [tally for tally, want in zip(tallies, wanted, strict=True) if want]
        while True:
            tested = [t for t in wanted if t.needs_tests()]
            others = [t for t in wanted if t.needs_rows()]
            if not tested and not others:
                return
            draw = Draw(generator(*self.seed, self._text(), number, levels), levels)
            number += 1
            with draw.running():
                if not tested and all(t.roots <= of_forward for t in others):
                    row = squares_of(self.derivation, self.runner, self.inputs, self.stated)
                    for tally in others:
                        tally.rows.append(row)
                    continue
                statements = Statements(self.derivation, self.runner, draw)
                outcomes = statements.outcomes(self.inputs, stated=self.stated)
            of_forward = statements.of_forward
            self.branched |= draw.branched
            for tally, outcome in zip(tallies, outcomes, strict=True):
                tally.outcomes.append(outcome)

    def _text(self):
        """All that is stated, so that nobody can choose a text to suit the primes of a draw."""
        chains = self.derivation.chains
        return "\n".join(f"{c.shown} = {link.text}" for c in chains for link in c.links)
