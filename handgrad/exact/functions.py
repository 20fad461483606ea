"""Functions of each number: powers and roots, exponentials, logarithms, circular and opaque ones.

A function with no model in a field is opaque: its value is random, the same for equal arguments,
and its derivative is known. What holds for such numbers holds for the function too.
"""

import math
from fractions import Fraction

import numpy as np

from handgrad.exact import gauss
from handgrad.exact.constants import constant_parts, rational_root
from handgrad.exact.degrees import CONSTANT, VARIABLE, Degree, largest
from handgrad.exact.draw import Exponent, Logs, current
from handgrad.exact.errors import InexactError
from handgrad.exact.gauss import Gauss
from handgrad.exact.moves import still
from handgrad.exact.numbers import Exact, doubt_logs, inverse, lift, linear, moved_by, no_logs
from handgrad.exact.tracks import Track, times

EXPONENTIALS, CIRCULAR = "exponentials", "cos and sin"
_base_power = np.frompyfunc(pow, 3, 1)


def power(a, n):
    """aⁿ: for an integer n by products, for half of one by a root, else exp(n log a)."""
    if isinstance(n, Exact):
        return exp(n * log(a))
    a, exponents = lift(a), np.asarray(n, dtype=float)
    if np.all(exponents == np.round(exponents)):
        return _integer_power(a, exponents.astype(int))
    if exponents.ndim == 0 and 2 * exponents == np.round(2 * exponents):
        return _integer_power(sqrt(a), np.asarray(round(2 * float(exponents))))
    return exp(log(a) * n)


def _integer_power(a, exponents):
    if exponents.ndim == 0:
        return _repeated(a, int(exponents))
    kinds = np.unique(exponents).tolist()
    if len(kinds) > 64:
        raise InexactError("many different powers")
    result = _repeated(a, kinds[0])
    for n in kinds:
        result = linear(lambda x, y, n=n: np.where(exponents == n, x, y), _repeated(a, n), result)
    return result


def _repeated(a, n):
    if n < 0:
        return inverse(_repeated(a, -n))
    result = None
    square = a
    while n:
        if n % 2:
            result = square if result is None else result * square
        n //= 2
        square = square * square if n else square
    return a * 0 + 1 if result is None else result


def square(a):
    a = lift(a)
    return a * a


def sqrt(a):
    """The positive root: in F_p where there is one, else in F_p(i); of 1/a it is 1/√a."""
    if (
        isinstance(a, int | Fraction)
        and a >= 0
        and (root := rational_root(Fraction(a))) is not None
    ):
        return lift(root)
    a, draw = lift(a), current()
    if a.size == 1 and not a.tracks[1].moves and (found := _of_constant(a)) is not None:
        return found
    return _root(a, draw)


def _of_constant(a):
    """The root of a number made of small primes and π, as a product of their roots; else None."""
    found = constant_parts(float(a.real.ravel()[0]))
    if found is None:
        return None
    fraction, outside, primes, power = found
    value = lift(fraction) * number_pi() ** power if power else lift(fraction)
    if (len(primes) + abs(power) < 2 and outside == 1) or not np.all(a.top.equals(value.top)):
        return None
    root = lift(outside) * (_root(number_pi(), current()) ** power if power else 1)
    for prime, exponent in primes:
        root = root * _root(lift(prime), current()) ** exponent
    return linear(lambda x: np.reshape(x, a.shape), root)


def _root(a, draw):
    doubt_logs(a)
    made: list[Track | None] = [Track(np.sqrt(a.real))]
    for place, track in enumerate(a.tracks[1:]):
        if track is None:
            made.append(None)
            continue
        value, back, keys = _canonical(track.value)
        root = value.root()
        if place == 0:
            draw.roots.note(keys, np.ravel(root.re != 0))
        inverted = root.inverse()
        made.append(Track(gauss.linear(lambda x, y, b=back: np.where(b, x, y), inverted, root)))
    degree = a.degree.power(0.5)
    return moved_by(made, a, _slope_of_root, degree, CONSTANT.over(degree))


def _slope_of_root(y):
    """The slope of a root y, 1 / (2 y)."""
    if isinstance(y, Gauss):
        return gauss.linear(lambda x: x * ((y.p + 1) // 2), y.inverse())
    return 0.5 / y


def _canonical(value):
    """One of a and 1/a for each number, where it is 1/a, and the key of each."""
    other = value.inverse()
    pairs = list(zip(value.keys(), other.keys(), strict=True))
    back = np.reshape([b < a for a, b in pairs], value.shape).astype(bool)
    chosen = gauss.linear(lambda x, y: np.where(back, x, y), other, value)
    return chosen, back, [min(pair) for pair in pairs]


def exp(a):
    """eᵃ: a power of g whose exponent is a in the field below; e^(c log S) is Sᶜ.

    Where a is not known in the field below, the exponential is opaque, with e⁻ᵃ = 1/eᵃ.
    """
    a, draw = lift(a), current()
    gone = np.isneginf(a.real)
    rest, factors, degree = _without_logs(a)
    made: list[Track | None] = [Track(np.exp(a.real))]
    for level, field in enumerate(draw.fields):
        below, value = rest[level + 1] if level + 1 < len(draw.fields) else None, None
        if below is not None:
            draw.exponential = True
            value = _power_of_base(below, field, 0)
        elif level == 0:
            value = _opaque_power(rest[0], field.p)
        factor = factors[level]
        made.append(None if value is None or factor is None else Track(value * factor))
    if np.any(gone):
        made = [t and Track(_without(t.value, gone)) for t in made]
    result = moved_by(made, a, lambda y: y, degree, degree)
    _remember(result, a)
    return result


def _opaque_power(exponent, p):
    """Random numbers for exponentials, the same for equal exponents."""
    draw, keys = current(), []
    for key, minus in zip(exponent.keys(), (-exponent).keys(), strict=True):
        if key == minus:
            keys.append((1, 0))
            continue
        value = draw.opaque(EXPONENTIALS, min(key, minus))[0]
        keys.append(value if key < minus else (pow(value[0], -1, p), 0))
    return gauss.from_keys(keys, exponent.shape, p)


def _without(value, gone):
    """Zeros in the places of what is gone."""
    if isinstance(value, Gauss):
        return gauss.linear(lambda x: np.where(gone, 0, x), value)
    return np.where(gone, 0.0, value)


def _power_of_base(exponent, field, first):
    """g^(a + b i), with bases of their own for the real and the imaginary part."""
    p = field.p
    made = Gauss(gauss.integers(_base_power(field.bases[first], exponent.re, p)), None, p)
    if exponent.im is None:
        return made
    other = _base_power(field.bases[first + 1], exponent.im, p)
    return made * Gauss(gauss.integers(other), None, p)


def _without_logs(a):
    """a without its logarithms with whole coefficients, field by field; e to their power; a degree."""
    values = [None if t is None else t.value for t in a.tracks[1:]]
    fields = current().fields
    ones = [gauss.from_keys([(1, 0)], (), field.p) for field in fields]
    if a.logs is None:
        return values, ones, VARIABLE
    terms = [t.terms if isinstance(t, Logs) else {} for t in a.logs.ravel().tolist()]
    if any(c.denominator != 1 for t in terms for c in t.values()):
        doubt_logs(a)
    whole = [{k: int(c) for k, c in t.items() if c.denominator == 1} for t in terms]
    factors = []
    for level, field in enumerate(fields):
        if (value := values[level]) is not None:
            keys = [_sum_of_logs(t, level, field.p) for t in whole]
            values[level] = value - gauss.from_keys(keys, a.shape, field.p)
        products = [_product_of_logs(t, level, field.p) for t in whole]
        known = None not in products
        factors.append(gauss.from_keys(products, a.shape, field.p) if known else None)
    powers = [atom.degree.power(c) for t in whole for atom, c in t.items()]
    most = max((len(t) for t in whole), default=0)
    return values, factors, VARIABLE.times(largest([CONSTANT, *powers]).power(most))


def _sum_of_logs(terms, level, p):
    """Σ c log S in a field."""
    return tuple(sum(c * atom.values[level][k] for atom, c in terms.items()) % p for k in (0, 1))


def _product_of_logs(terms, level, p):
    """Π Sᶜ in a field; None where an S is not known there."""
    product = gauss.from_keys([(1, 0)], (), p)
    for atom, c in terms.items():
        if atom.arguments[level] is None:
            return None
        product = product * gauss.from_keys([atom.arguments[level]], (), p).power(c)
    return product.keys()[0]


def _remember(result, a):
    """Remember the exponent of each number, for its logarithm."""
    levels = [None if t is None else t.value.keys() for t in a.tracks[1:]]
    logs = [None] * a.size if a.logs is None else a.logs.ravel().tolist()
    for i, key in enumerate(result.top.keys()):
        known = tuple(None if keys is None else keys[i] for keys in levels)
        own = logs[i] if isinstance(logs[i], Logs) else Logs()
        current().exponents[key] = Exponent(known, own, a.degree)


def log(a):
    """The exponent of what is an exponential, else an opaque number; log(1/S) is −log S."""
    a, draw = lift(a), current()
    _, back, keys = _canonical(a.top)
    below = [None if t is None else _canonical_as(t.value, back).keys() for t in a.tracks[1:]]
    arguments = zip(*([None] * a.size if k is None else k for k in below), strict=True)
    inverted = a.top.inverse().keys()
    places = zip(a.top.keys(), inverted, back.ravel(), keys, arguments, strict=True)
    found = [_exponent(draw, place, a.degree) for place in places]
    made: list[Track | None] = [Track(np.log(a.real))]
    for level, field in enumerate(draw.fields):
        level_keys = [exponent.values[level] for exponent in found]
        known = None not in level_keys
        made.append(Track(gauss.from_keys(level_keys, a.shape, field.p)) if known else None)
    logs = no_logs(a.shape)
    logs.ravel()[:] = [exponent.logs for exponent in found]
    result = _moved(made, a, inverse(still(a)), logs)
    result.degree = largest([VARIABLE, *(exponent.degree for exponent in found)])
    return result


def _exponent(draw, place, degree):
    """The logarithm of one number, from its key, those of its inverse and of S, and S itself."""
    own, inverted, back, key, arguments = place
    if own in draw.exponents:
        return draw.exponents[own]
    if inverted in draw.exponents:
        return _turned(draw.exponents[inverted], draw)
    if key not in draw.atoms and key[0] and (found := draw.related(key)):
        found = _product(draw, *found)
    else:
        atom = draw.atom(key, arguments, degree.times(CONSTANT.over(degree)))
        found = Exponent(atom.values, Logs({atom: Fraction(1)}))
    return _turned(found, draw) if back else found


def _product(draw, atom, of_atom, exponent, of_exponent):
    """log(S^±1 e^±a) = ± log S ± a."""
    one = Exponent(atom.values, Logs({atom: Fraction(1)}))
    one = one if of_atom > 0 else _turned(one, draw)
    other = exponent if of_exponent > 0 else _turned(exponent, draw)
    values = tuple(
        None if s is None or a is None else ((s[0] + a[0]) % f.p, (s[1] + a[1]) % f.p)
        for s, a, f in zip(one.values, other.values, draw.fields, strict=True)
    )
    return Exponent(values, one.logs + other.logs, VARIABLE.plus(exponent.degree))


def _turned(exponent, draw):
    """Minus an exponent."""
    values = tuple(
        None if value is None else (-value[0] % f.p, -value[1] % f.p)
        for value, f in zip(exponent.values, draw.fields, strict=True)
    )
    return Exponent(values, -exponent.logs, exponent.degree)


def _canonical_as(value, back):
    """One of a and 1/a, as another field has chosen."""
    return gauss.linear(lambda x, y: np.where(back, x, y), value.inverse(), value)


def _moved(made, a, slope, logs=None):
    """The array with these values, a function of a whose slope is another array."""
    moved = []
    for place, track in enumerate(made):
        moves = a.tracks[place].moves if track and place < 2 else ()
        own = slope.tracks[place].value if moves else None
        moved.append(Track(track.value, times(own, moves)) if moves else track)
    return Exact(moved, VARIABLE, logs, slope.degree.times(a.moved))


def circular(a):
    """(cos a, sin a) from eⁱᵃ, a power of a base of its own, or from an opaque tan a/2."""
    a, draw = lift(a), current()
    doubt_logs(a)
    cos: list[Track | None] = [Track(np.cos(a.real))]
    sin: list[Track | None] = [Track(np.sin(a.real))]
    for level, field in enumerate(draw.fields):
        below = a.tracks[2 + level] if level + 1 < len(draw.fields) else None
        pair = (None, None)
        if below is not None:
            pair = _by_turns(below.value, field)
        elif level == 0:
            pair = _by_half(a.top, field.p)
        cos.append(pair[0] and Track(pair[0]))
        sin.append(pair[1] and Track(pair[1]))
    degree = Degree(2, 2)
    still_cos, still_sin = (Exact(t, degree) for t in (cos, sin))
    found = _moved(cos, a, -still_sin), _moved(sin, a, still_cos)
    for array in found:
        array.degree = degree
    return found


def _by_turns(angle, field):
    """cos and sin as the halves of e = eⁱᵃ: (e + 1/e) / 2 and (e − 1/e) / 2i."""
    current().exponential = True
    e, half = _power_of_base(angle, field, 2), (field.p + 1) // 2
    one, other = (gauss.linear(lambda x: x * half, x) for x in (e, e.inverse()))
    return one + other, (other - one).times_i()


def _by_half(angle, p):
    """cos and sin as (1 − t²) / (1 + t²) and 2 t / (1 + t²), with a random t for each angle."""
    draw, keys = current(), []
    for key, minus in zip(angle.keys(), (-angle).keys(), strict=True):
        t = 0 if key == minus else draw.opaque(CIRCULAR, min(key, minus))[0][0]
        keys.append((t if key < minus else -t % p, 0))
    t = gauss.from_keys(keys, angle.shape, p)
    one = gauss.from_keys([(1, 0)], (), p)
    under = (one + t * t).inverse()
    return (one - t * t) * under, (t + t) * under


def cos(a):
    return circular(a)[0]


def sin(a):
    return circular(a)[1]


def tan(a):
    cosine, sine = circular(a)
    return sine / cosine


def number_pi():
    """π, of which nothing is known: it is transcendental."""
    return _opaque("π", lambda _: np.asarray(math.pi), lift(0), None)


def _opaque(name, real, a, slope):
    """A function of which nothing is known but its slope, an array or None."""
    draw = current()
    values = [draw.opaque(name, key) for key in list(a.top.keys())]
    made: list[Track | None] = [Track(np.asarray(real(a.real), dtype=float))]
    for level, field in enumerate(draw.fields):
        keys = [value[level] for value in values]
        made.append(Track(gauss.from_keys(keys, a.shape, field.p)))
    return Exact(made, VARIABLE) if slope is None else _moved(made, a, slope)


def opaque(name, real, slope):
    """A function by its name, its values in floats, and its slope at an array."""

    def function(a):
        a = lift(a)
        return _opaque(name, real, a, slope(still(a)) if a.tracks[1].moves else None)

    return function
