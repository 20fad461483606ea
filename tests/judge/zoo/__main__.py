"""python -m tests.judge.zoo: the judge's escapes, false alarms and cost over the whole zoo."""

import argparse
import multiprocessing
import sys

from tests.judge import zoo
from tests.judge.zoo.campaign import outcomes


def main(arguments=None):
    options = _parser().parse_args(arguments)
    chosen = _specimens(options)
    jobs = [(kind, i, options) for kind, many in enumerate(chosen) for i in range(len(many))]
    tally = [], []
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        for kind, results in pool.imap_unordered(_outcomes, jobs):
            tally[kind].extend(results)
            for outcome in filter(MISTAKEN[kind][1], results):
                sys.stdout.write(f"{MISTAKEN[kind][0]:<12} {outcome}\n")
                sys.stdout.flush()
    return _report(*tally)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.judge.zoo", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="so many draws of each")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first of them")
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose name has it")
    parser.add_argument(
        "--share", type=int, default=zoo.SHARE, metavar="N", help="operations for each mutation"
    )
    return parser


MISTAKEN = (
    ("escaped", lambda outcome: outcome.accepted),
    ("false alarm", lambda outcome: not outcome.accepted),
)


def _specimens(options):
    """The wrong ones, and the right ones."""
    return [
        [s for s in many if options.only in s.name]
        for many in (zoo.wrong(options.share), zoo.right())
    ]


def _outcomes(job):
    kind, i, options = job
    seeds = range(options.first, options.first + options.seeds)
    return kind, list(outcomes(_specimens(options)[kind][i], seeds))


def _report(wrong, right):
    """Counts what went wrong. Returns an exit status."""
    escapes = sum(o.accepted for o in wrong)
    alarms = sum(not o.accepted for o in right)
    evaluations = sorted(o.evaluations for o in (*wrong, *right))
    lines = [
        f"wrong: {len({o.name for o in wrong})} specimens, {escapes} escapes in {len(wrong)}",
        f"right: {len({o.name for o in right})} specimens, {alarms} false alarms in {len(right)}",
    ]
    if evaluations:
        middle = evaluations[len(evaluations) // 2]
        lines.append(f"evaluations: median {middle}, most {evaluations[-1]}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if escapes or alarms else 0


if __name__ == "__main__":
    sys.exit(main())
