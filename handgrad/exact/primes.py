"""Chains of primes: p₀ | p₁ − 1, p₁ | p₂ − 1, …, each one 3 modulo 4.

In F of pₖ₊₁ there is an element g of the order pₖ, so that a ↦ gᵃ takes sums modulo pₖ to products
modulo pₖ₊₁. As −1 is not a square, i adjoined gives every number of the field a square root.
"""

import math
from dataclasses import dataclass

BITS = 128
SMALL = [n for n in range(3, 1000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2))]
WITNESSES = (2, *SMALL[:15])
PRODUCT = math.prod(SMALL)


@dataclass(frozen=True)
class Field:
    """F_p, and independent elements of the order of the prime below it: bases of exponentials.

    For x = a + b i with a and b modulo that prime, exp x is base₀ᵃ base₁ᵇ and exp ix is base₂ᵃ base₃ᵇ.
    """

    p: int
    bases: tuple[int, ...] = ()


def is_prime(n):
    """Whether Miller and Rabin's test takes an odd n above 1000 for a prime.

    It does so for a composite n with a probability below 4⁻¹⁶.
    """
    if math.gcd(n, PRODUCT) > 1:
        return False
    odd = (n - 1) // 2
    twos = 1
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_is_witness(n, odd, twos, a) for a in WITNESSES)


def _is_witness(n, odd, twos, a):
    x = pow(a, odd, n)
    if x in (1, n - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False


def integer(rng, below):
    """A random integer from 1 to `below` − 1, up to 2⁻⁶⁴ as likely as any other."""
    return 1 + int.from_bytes(rng.bytes(below.bit_length() // 8 + 9), "big") % (below - 1)


def chain(rng, levels):
    """`levels` fields, each with exponentials of the one before."""
    p = integer(rng, 2**BITS) | 2**BITS | 3
    while not is_prime(p):
        p += 4
    fields = [Field(p)]
    while len(fields) < levels:
        fields.append(_above(rng, fields[-1].p))
    return tuple(fields)


def _above(rng, q):
    """A field whose p is 2 k q + 1 for an odd k, which makes it 3 modulo 4."""
    k = integer(rng, 2**12) | 1
    while not is_prime(2 * k * q + 1):
        k += 2
    p = 2 * k * q + 1
    base = 1
    while base == 1:
        base = pow(integer(rng, p), 2 * k, p)
    others = (pow(base, integer(rng, q), p) for _ in range(3))
    return Field(p, (base, *others))
