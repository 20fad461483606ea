"""The heights of a layout: lines that can be straight are, and nothing overlaps.

Boxes that are joined by their only line form a run, which has one height. Runs pull each other
along the lines between them, and push each other where they would overlap.
"""

from collections import Counter
from itertools import pairwise

ROUNDS = 120
PUSHES = 12
WORK = 100_000  # a large graph is settled in fewer rounds


def heights(placed, pieces, layers, ports, spacing):
    """The height of every box; the highest reaches up to 0.

    `pieces` are (arrow, source, target), `ports` how far from the middle each starts and ends.
    """
    runs, order, room = _ordered_runs(placed, pieces, layers, spacing)
    run_of = {key: i for i, run in enumerate(runs) for key in run}
    pulls = {i: [] for i in range(len(runs))}
    for (_, source, target), start, end in zip(pieces, *ports, strict=True):
        a, b = run_of[source], run_of[target]
        if a != b:
            pulls[b].append((a, start - end))
            pulls[a].append((b, end - start))
    y = _settled(_packed(dict.fromkeys(order, 0.0), order, room), pulls, room)
    top = min((y[run_of[key]] - box.above for key, box in placed.items()), default=0.0)
    y = {i: value - top for i, value in y.items()}
    if spacing.whole:
        y = {i: round(value) for i, value in y.items()}
    y = _packed(y, order, room)
    top = min((y[run_of[key]] - box.above for key, box in placed.items()), default=0.0)
    return {key: y[run_of[key]] - top for key in placed}


def _ordered_runs(placed, pieces, layers, spacing):
    """The runs, an order of them from top to bottom, and the room that pairs of them need.

    Where two runs cross, neither is above the other: the longest such run is given up.
    """
    runs = _runs(placed, pieces)
    while True:
        room = _room(placed, runs, layers, spacing)
        order = _from_top(len(runs), room)
        if len(order) == len(runs):
            return runs, order, room
        stuck = set(range(len(runs))) - set(order)
        longest = max(stuck, key=lambda i: len(runs[i]))
        middle = len(runs[longest]) // 2
        runs += [runs[longest][:middle], runs[longest][middle:]]
        del runs[longest]


def _runs(placed, pieces):
    """The boxes in groups that are joined by the only line that leaves one and meets the next."""
    leaving = Counter(source for _, source, _ in pieces)
    coming = Counter(target for _, _, target in pieces)
    after = {s: t for _, s, t in pieces if leaving[s] == coming[t] == 1}
    runs = []
    for key in sorted(placed.keys() - set(after.values())):
        run = [key]
        while run[-1] in after:
            run.append(after[run[-1]])
        runs.append(run)
    return runs


def _room(placed, runs, layers, spacing):
    """How far below one run another must be, for all that are neighbours in a column."""
    run_of = {key: i for i, run in enumerate(runs) for key in run}
    room = {}
    for column in layers:
        for upper, lower in pairwise(column):
            need = placed[upper].below + spacing.rows + placed[lower].above
            pair = run_of[upper], run_of[lower]
            room[pair] = max(need, room.get(pair, 0.0))
    return room


def _from_top(count, room):
    """The runs, each behind those above it; without those that are above themselves."""
    above = Counter(lower for _, lower in room)
    below = {i: [] for i in range(count)}
    for upper, lower in room:
        below[upper].append(lower)
    ready = [i for i in range(count) if not above[i]]
    for i in ready:
        for lower in below[i]:
            above[lower] -= 1
            if not above[lower]:
                ready.append(lower)
    return ready


def _packed(y, order, room):
    """The heights with every run moved down as far as those above it need."""
    uppers = {i: [] for i in order}
    for (upper, lower), need in room.items():
        uppers[lower].append((upper, need))
    found = {}
    for i in order:
        found[i] = max([y[i], *(found[upper] + need for upper, need in uppers[i])])
    return found


def _settled(y, pulls, room):
    """The heights after pulling and pushing."""
    for _ in range(min(ROUNDS, WORK // (len(y) + len(room)) + 1)):
        y = {i: _pulled(y, i, pulls[i]) for i in y}
        for _ in range(PUSHES):
            calm = True
            for (upper, lower), need in room.items():
                overlap = need - (y[lower] - y[upper])
                if overlap > 0.01:
                    calm = False
                    y[upper] -= overlap / 2
                    y[lower] += overlap / 2
            if calm:
                break
    return y


def _pulled(y, i, pulls):
    """Half of the way to where the neighbours are."""
    if not pulls:
        return y[i]
    return (y[i] + sum(y[other] + shift for other, shift in pulls) / len(pulls)) / 2
