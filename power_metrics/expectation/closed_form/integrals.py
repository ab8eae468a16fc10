"""Exact laws of max_f f · U for independent U, uniform on [0, 1], and vectors f with shares that sum to 1.

The maximum is linear on the region where one f is best. It goes by a factor when U does, and by a term when that is
added to all of U. So regions are cones, each with the line of constant U in it, and it is enough to look at where
the largest of U is 1 and the smallest 0. There, regions are polytopes. Their corners are found by cutting a cube
(double description: Motzkin et al. 1953), they are split into simplices, and each of these, with the points 0 and 1,
makes a simplex in the cube of U. On a simplex a linear function has a B-spline as its density, with its values at the
corners as knots (Curry and Schoenberg 1966).
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from operator import mul

Ray = tuple[int, ...]
Vectors = tuple[Ray, ...]
"""Whole numbers with the same sum in each vector."""

Polynomial = list[Fraction]
Spline = list[tuple[Fraction, Polynomial]]
"""From each of the points on, up to the next one, this polynomial."""


def mean_of_maximum(sets: Sequence[Vectors]) -> Fraction:
    """E[max_f f · U] over several sets of vectors that share no coordinate of U; each vector as shares of its sum."""
    several = [vectors for vectors in sets if len(vectors[0]) > 1]
    singles = sum(len(vectors[0]) == 1 for vectors in sets)
    if not singles and len(several) == 1:
        return sum((volume * sum(knots) / len(knots) for knots, volume in pieces(several[0]).items()), Fraction(0))
    product: Spline = [(Fraction(0), [Fraction(0)] * singles + [Fraction(1)])]  # P(U ≤ t) = t
    for vectors in several:
        product = _times(product, _distribution(vectors))
    ends = [start for start, _ in product[1:]] + [Fraction(1)]
    return 1 - sum((_integral(p, left, right) for (left, p), right in zip(product, ends, strict=True)), Fraction(0))


def standard_order(vectors: Vectors, marks: tuple[int, ...] | None = None) -> Vectors:
    """The vectors, with their coordinates in an order that depends on the order given as little as may be.

    Coordinates are told apart by their marks and by the numbers in them, and then by those that go together with
    them in a vector, over and over. Of coordinates still alike the first is marked. Two results are equal only if
    one is a reordering of the other; reorderings that go unnoticed cost time alone.

    Args:
        vectors: with n coordinates each.
        marks: (n,), equal for coordinates that may be exchanged; those marked lowest come first. Default: all equal.
    """
    n = len(vectors[0])
    colours = list(marks or (0,) * n)
    while True:
        kinds = -1
        while kinds < len(set(colours)):
            kinds = len(set(colours))
            of_vectors = [tuple(sorted(zip(colours, vector, strict=True))) for vector in vectors]
            ranks = {key: rank for rank, key in enumerate(sorted(set(of_vectors)))}
            signs = [
                (colours[k], sorted((ranks[key], vector[k]) for key, vector in zip(of_vectors, vectors, strict=True)))
                for k in range(n)
            ]
            ordered = sorted(signs)
            colours = [ordered.index(sign) for sign in signs]
        if kinds == n:
            order = sorted(range(n), key=colours.__getitem__)
            return tuple(sorted(tuple(vector[k] for k in order) for vector in vectors))
        alike = min(colour for colour in colours if colours.count(colour) > 1)
        colours = [2 * colour + 1 for colour in colours]
        colours[colours.index(2 * alike + 1)] -= 1


def pieces(vectors: Vectors) -> dict[tuple[Fraction, ...], Fraction]:
    """Simplices that fill the cube: the sorted values of the maximum at their corners, and the volume of all such."""
    n = len(vectors[0])
    scale = sum(vectors[0])
    parts: Counter[Vectors] = Counter()
    for high, low in itertools.permutations(range(n), 2):
        parts[standard_order(vectors, tuple(0 if k == high else 1 if k == low else 2 for k in range(n)))] += 1
    found: Counter[tuple[tuple[Fraction, ...], int]] = Counter()
    for part, count in parts.items():
        for vector in part:
            rays, incidence = _region(n, [_minus(vector, other) for other in part if other != vector])
            values = [Fraction(_dot(vector, ray), scale * ray[0]) for ray in rays]
            ranks = sorted(set(values))
            places = [ranks.index(value) for value in values]
            sizes: Counter[tuple[tuple[int, ...], int]] = Counter()
            for corners in _simplices((1 << len(rays)) - 1, incidence):
                size = _determinant([[rays[k][0], *rays[k][2:]] for k in corners])
                sizes[tuple(sorted(places[k] for k in corners)), math.prod(rays[k][0] for k in corners)] += abs(size)
            for (corner_ranks, divisor), size in sizes.items():
                knots = (Fraction(0), *(ranks[rank] for rank in corner_ranks), Fraction(1))
                found[knots, divisor] += count * size
    volumes: dict[tuple[Fraction, ...], Fraction] = {}
    for (knots, divisor), size in found.items():
        volumes[knots] = volumes.get(knots, Fraction(0)) + Fraction(size, math.factorial(n) * divisor)
    return volumes


def _region(n: int, rivals: list[Ray]) -> tuple[list[Ray], list[int]]:
    """Where coordinate 0 is the largest, coordinate 1 is the smallest, namely 0, and no product with a rival negative.

    Returns:
        the corners, each as whole numbers that stand for their ratios to the first, and for each of the inequalities
        a bit mask of the corners with equality; nothing if there is no interior.
    """
    found: list[tuple[Ray, int]] = [  # the corner, and a bit mask of the inequalities with equality
        ((1, 0, *ends), sum(1 << (2 * k + end) for k, end in enumerate(ends)))
        for ends in itertools.product((0, 1), repeat=n - 2)
    ]
    used = 2 * (n - 2)
    for rival in rivals:
        signs = [_dot(rival, ray) for ray, _ in found]
        if max(signs) <= 0:
            return [], []
        if min(signs) >= 0:
            continue
        bit = 1 << used
        used += 1
        kept = [
            (ray, tight if sign else tight | bit) for (ray, tight), sign in zip(found, signs, strict=True) if sign >= 0
        ]
        above = [(ray, tight, sign) for (ray, tight), sign in zip(found, signs, strict=True) if sign > 0]
        below = [(ray, tight, sign) for (ray, tight), sign in zip(found, signs, strict=True) if sign < 0]
        for ray, tight, sign in above:
            for other, also_tight, negative in below:
                edge = tight & also_tight
                if edge.bit_count() >= n - 3 and sum(edge & each == edge for _, each in found) == 2:
                    cut = [sign * b - negative * a for a, b in zip(ray, other, strict=True)]
                    divisor = math.gcd(*cut)
                    kept.append((tuple(c // divisor for c in cut), edge | bit))
        found = kept
    incidence = [sum(1 << k for k, (_, tight) in enumerate(found) if tight >> bit & 1) for bit in range(used)]
    return [ray for ray, _ in found], incidence


def _simplices(face: int, incidence: list[int]) -> Iterator[tuple[int, ...]]:
    """A polytope, or a face of one, split into simplices: its first corner with those of all facets without it."""
    if face & (face - 1) == 0:
        if face:
            yield (face.bit_length() - 1,)
        return
    apex = face & -face
    cuts = {face & facet for facet in incidence} - {face, 0}
    for cut in cuts:
        if not cut & apex and not any(cut & other == cut for other in cuts if other != cut):
            for simplex in _simplices(cut, incidence):
                yield (apex.bit_length() - 1, *simplex)


def _determinant(matrix: list[list[int]]) -> int:
    """By Bareiss elimination, in whole numbers, up to the sign."""
    n = len(matrix)
    previous = 1
    for k in range(n - 1):
        pivot = next((row for row in range(k, n) if matrix[row][k]), None)
        if pivot is None:
            return 0
        matrix[k], matrix[pivot] = matrix[pivot], matrix[k]
        top = matrix[k]
        for row in matrix[k + 1 :]:
            for j in range(k + 1, n):
                row[j] = (row[j] * top[k] - row[k] * top[j]) // previous
        previous = top[k]
    return matrix[-1][-1]


def _dot(a: Ray, b: Ray) -> int:
    return sum(map(mul, a, b))


def _minus(a: Ray, b: Ray) -> Ray:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def _distribution(vectors: Vectors) -> Spline:
    """P(max_f f · U ≤ t) for t from 0 to 1."""
    n = len(vectors[0])
    jumps: dict[Fraction, Polynomial] = {}  # by knot κ: coefficients of the powers of t - κ that come in there
    for knots, volume in pieces(vectors).items():
        for knot, terms in _truncated_powers(knots):
            sums = jumps.setdefault(knot, [Fraction(0)] * (n + 1))
            for power, coefficient in enumerate(terms):
                sums[power] += volume * coefficient
    current = [Fraction(0)] * (n + 1)
    spline = []
    for knot in sorted(jumps):
        if knot < 1:
            current = [a + b for a, b in zip(current, _shifted(jumps[knot], knot), strict=True)]
            spline.append((knot, current))
    return spline


def _truncated_powers(knots: tuple[Fraction, ...]) -> Iterator[tuple[Fraction, Polynomial]]:
    """P(linear function on a simplex ≤ t), from its values at the corners: (-1)^n times the divided difference of
    (t - x)_+^n, n + 1 = number of knots. For each knot κ, the coefficients of the powers of (t - κ)_+.
    """
    n = len(knots) - 1
    multiplicity = Counter(knots)
    for knot, count in multiplicity.items():
        # 1 / Π (x - other)^count of the other knots, as a series in x - knot up to the power count - 1
        series = [Fraction(1)] + [Fraction(0)] * (count - 1)
        for other, repeated in multiplicity.items():
            if other != knot:
                for _ in range(repeated):
                    for k in range(count):
                        series[k] = (series[k] - (series[k - 1] if k else 0)) / (knot - other)
        terms = [Fraction(0)] * (n + 1)
        for s in range(count):
            terms[n - s] = (-1) ** (n + s) * math.comb(n, s) * series[count - 1 - s]
        yield knot, terms


def _shifted(terms: Polynomial, knot: Fraction) -> Polynomial:
    """From powers of t - knot to powers of t."""
    result = [Fraction(0)] * len(terms)
    for coefficient in reversed(terms):
        result = [(result[k - 1] if k else coefficient) - knot * result[k] for k in range(len(terms))]
    return result


def _times(a: Spline, b: Spline) -> Spline:
    product = []
    places = [0, 0]
    for start in sorted({start for start, _ in (*a, *b)}):
        for side, spline in enumerate((a, b)):
            if places[side] + 1 < len(spline) and spline[places[side] + 1][0] <= start:
                places[side] += 1
        p, q = a[places[0]][1], b[places[1]][1]
        result = [Fraction(0)] * (len(p) + len(q) - 1)
        for i, c in enumerate(p):
            if c:
                for j, d in enumerate(q):
                    result[i + j] += c * d
        product.append((start, result))
    return product


def _integral(p: Polynomial, left: Fraction, right: Fraction) -> Fraction:
    return sum((c / (k + 1) * (right ** (k + 1) - left ** (k + 1)) for k, c in enumerate(p) if c), Fraction(0))
