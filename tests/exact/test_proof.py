"""What draws prove together: the bound, the roots, and when there are enough of them."""

from itertools import pairwise, product

from handgrad.common.random import generator
from handgrad.exact.primes import BITS, chain, is_prime
from handgrad.exact.proof import CONJECTURED, MOST_DRAWS, Outcome, Proof, Tally, together


def tally(*outcomes):
    return Tally(list(outcomes))


def with_squares(*rows, holds=True):
    roots = frozenset(range(len(rows[0])))
    return tally(*(Outcome(holds, roots=roots, squares=row) for row in rows))


def test_one_draw_proves_what_has_neither_exponentials_nor_roots():
    assert tally().needs_tests()
    one = tally(Outcome(holds=True, degree=1000))
    assert not one.needs_tests()
    assert one.proof().proved
    assert not one.proof().conjectured
    assert one.proof().bits == BITS - 10


def test_a_bound_that_is_not_small_enough_takes_more_draws():
    high = Outcome(holds=True, degree=2 ** (BITS - 30))
    assert tally(high).needs_tests()
    assert not tally(high, high).needs_tests()
    assert tally(high, high).proof().bits == 60


def test_exponentials_take_more_draws_and_are_conjectured():
    one = tally(Outcome(holds=True, exponential=True))
    assert one.needs_tests()
    assert one.proof().conjectured
    assert not tally(*one.outcomes * CONJECTURED).needs_tests()


def test_a_degree_as_large_as_p_proves_nothing():
    hopeless = tally(*[Outcome(holds=True, degree=2**BITS)] * MOST_DRAWS)
    assert not hopeless.needs_tests()
    assert not hopeless.proof()


def test_one_draw_that_differs_refuses():
    proof = tally(Outcome(holds=True), Outcome(holds=False)).proof()
    assert proof.refused
    assert not proof


def test_a_doubt_keeps_from_refusing():
    proof = tally(Outcome(holds=False, doubts=frozenset({"of erf little is known"}))).proof()
    assert not proof.decided
    assert "erf" in proof.reason


def test_the_root_of_a_square_is_never_independent():
    always = with_squares(*[(True,)] * 20)
    assert not always.proof()
    assert with_squares((True,), (False,)).proof()


def test_roots_whose_product_is_a_square_are_dependent():
    """χ(a) χ(b) χ(ab) = 1 in every draw."""
    rows = [(a, b, a == b) for a, b in product([True, False], repeat=2)]
    assert not with_squares(*rows).proof()
    assert with_squares(*(row[:2] for row in rows)).proof()


def test_rows_are_asked_for_until_roots_are_independent():
    one = with_squares((True, False), (True, False))
    assert one.needs_rows()
    one.rows.append((False, False))
    assert not one.needs_rows()


def test_dependent_roots_refuse_nothing():
    assert not with_squares((True,), (True,), holds=False).proof().decided


def test_points_prove_together_what_each_of_them_proves():
    sure, unsure = Proof(proved=True, bits=200), Proof(proved=True, bits=60, conjectured=True)
    assert together([sure, unsure]) == unsure
    assert together([sure, Proof(reason="no form")]).reason == "no form"
    assert together([Proof(reason="no form"), Proof(refused=True)]).refused


def test_a_chain_has_elements_of_the_order_of_the_prime_below():
    fields = chain(generator(0, "chain"), 4)
    for below, field in pairwise(fields):
        assert (field.p - 1) % below.p == 0
        assert all(pow(base, below.p, field.p) == 1 != base for base in field.bases)
    assert all(is_prime(field.p) and field.p % 4 == 3 for field in fields)
    assert fields[0].p.bit_length() > BITS


def test_numbers_that_fool_fermat_are_no_primes():
    assert not any(map(is_prime, (825265, 321197185, 9746347772161, 3215031751 * 7919)))
    assert is_prime(2**61 - 1)
