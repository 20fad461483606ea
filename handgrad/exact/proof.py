"""Proofs: what the draws of a test say together, and with which probability it is wrong.

A rational function that is not 0 is 0 at a random point with a probability below degree / p
(Schwartz, Zippel). A root doubles the degree of what must be 0, for the product over both of its
signs is a rational function. That needs roots of which none is made of the others: if a product of
some radicands were a square, it would be one modulo every prime. So the draws are independent
columns of squares and others, or nothing is proved.
"""

import math
from dataclasses import dataclass, field

from handgrad.exact.primes import BITS

CONJECTURED = 2  # draws where exponentials are in it, of which one each would do, too
MOST_DRAWS = 4
SPARE = 12  # draws beyond the number of roots
MOST_ROOTS = 40
ENOUGH = 50  # bits: an error below 2⁻⁵⁰ counts as a proof


@dataclass(frozen=True)
class Proof:
    """What exact arithmetic says of a claim: it is proved, or refused, or why neither.

    A proof is wrong with a probability below 2^−bits. Where exponentials are in it, that is the
    bound if they behave as independent variables do, which is conjectured. `read_as` says in which
    way a gradient was read that may be meant in several, and `apart` that the floats beside what was
    compared differ.
    """

    proved: bool = False
    refused: bool = False
    reason: str = ""
    bits: int = 0
    conjectured: bool = False
    read_as: str = ""
    apart: bool = False

    def __bool__(self):
        return self.proved

    @property
    def decided(self):
        return self.proved or self.refused

    def __str__(self):
        if self.proved:
            sure = "if exponentials are as good as variables" if self.conjectured else "proved"
            return f"exact, {sure}, but for a probability below 2^-{self.bits}"
        return "refused" if self.refused else f"by numbers: {self.reason}"


@dataclass(frozen=True)
class Outcome:
    """What came of one test in one draw, and what it rests on.

    `doubts` are why a test that fails need not mean that the claim is wrong; `reason` says why
    there was no test.
    """

    holds: bool = False
    reason: str = ""
    doubts: frozenset[str] = frozenset()
    roots: frozenset[int] = frozenset()
    squares: tuple[bool, ...] = ()
    degree: int = 0
    exponential: bool = False
    read_as: str = ""
    apart: bool = False


@dataclass
class Tally:
    """The outcomes of one claim at one point, draw after draw, until the bound is small enough.

    `rows` say of more draws which radicands were squares; nothing was tested there. At a `further`
    point, which is there for the branch that it takes, one draw is enough with exponentials, too.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    rows: list[tuple[bool, ...]] = field(default_factory=list)
    further: bool = False

    def needs_tests(self):
        """Whether more tests are needed."""
        if any(o.reason or not o.holds for o in self.outcomes):
            return False
        count = len(self.outcomes)
        conjectured = any(o.exponential for o in self.outcomes) and not self.further
        if count < (CONJECTURED if conjectured else 1):
            return True
        return count < MOST_DRAWS and self._bits() < ENOUGH

    def needs_rows(self):
        """Whether it must still show that the roots are independent."""
        if self.needs_tests() or any(o.reason for o in self.outcomes):
            return False
        if not all(o.holds or not o.doubts for o in self.outcomes):
            return False
        rows = len(self.outcomes) + len(self.rows)
        few = len(self.roots) <= MOST_ROOTS and rows < len(self.roots) + SPARE
        return few and not self._are_independent()

    @property
    def roots(self):
        """The numbers of the roots that the claim rests on."""
        return set().union(*(o.roots for o in self.outcomes))

    def proof(self):
        """What the outcomes prove."""
        failed = [o for o in self.outcomes if not o.holds]
        if reason := self._reason(failed):
            return Proof(reason=reason, apart=any(o.apart for o in failed))
        if failed:
            return Proof(refused=True)
        conjectured = any(o.exponential for o in self.outcomes)
        read_as = self.outcomes[0].read_as
        return Proof(proved=True, bits=self._bits(), conjectured=conjectured, read_as=read_as)

    def _reason(self, failed):
        """Why the outcomes neither prove nor refuse; "" if they do."""
        reasons = [o.reason for o in self.outcomes if o.reason]
        reasons += sorted(set().union(*(o.doubts for o in failed)))
        if reasons or not self.outcomes:
            return reasons[0] if reasons else "no time was left"
        if not self._are_independent():
            return "roots of which one may be made of the others"
        enough = failed or self._bits() >= ENOUGH
        return "" if enough else "a function of a high degree"

    def _bits(self):
        """−log₂ of the bound: (2^roots · degree / p)^draws."""
        degree = max(o.degree for o in self.outcomes)
        each = BITS - len(self.roots) - math.ceil(math.log2(max(2, degree)))
        return max(0, each) * len(self.outcomes)

    def _are_independent(self):
        """Whether the rows of squares, one for each draw, have as many independent columns as roots."""
        columns = sorted(self.roots)
        pivots = {}
        for squares in [o.squares for o in self.outcomes] + self.rows:
            if columns and columns[-1] >= len(squares):
                return False
            row = sum(1 << i for i, c in enumerate(columns) if not squares[c])
            while row and (low := row & -row) in pivots:
                row ^= pivots[low]
            if row:
                pivots[row & -row] = row
        return len(pivots) == len(columns)


def together(proofs):
    """The proof of a claim from those at several points, one for each branch that they take."""
    proofs = list(proofs)
    for proof in proofs:
        if proof.refused:
            return proof
    for proof in proofs:
        if not proof.proved:
            return proof
    return min(proofs, key=lambda p: (not p.conjectured, p.bits))
