"""python -m tests.judge.zoo: the judge's escapes, false alarms and cost over the whole zoo."""

import argparse
import multiprocessing
import sys

from tests.judge import zoo
from tests.judge.zoo.campaign import outcomes


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.judge.zoo", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="so many draws of each")
    parser.add_argument(
        "--share", type=int, default=zoo.SHARE, metavar="N", help="operations for each mutation"
    )
    options = parser.parse_args(arguments)
    wrong, right = zoo.wrong(options.share), zoo.right()
    jobs = [
        (kind, i, options) for kind, many in enumerate((wrong, right)) for i in range(len(many))
    ]
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        found = pool.imap_unordered(_outcomes, jobs, chunksize=4)
        tally = {0: [], 1: []}
        for kind, results in found:
            tally[kind] += results
    return _report(tally[0], tally[1], len(wrong), len(right))


def _outcomes(job):
    kind, i, options = job
    specimens = zoo.right() if kind else zoo.wrong(options.share)
    return kind, list(outcomes(specimens[i], range(options.seeds)))


def _report(wrong, right, kinds_of_wrong, kinds_of_right):
    """Names what went wrong, and counts. Returns an exit status."""
    escapes = sorted({str(o) for o in wrong if o.accepted})
    alarms = sorted({str(o) for o in right if not o.accepted})
    evaluations = sorted(o.evaluations for o in (*wrong, *right))
    lines = [f"escaped      {name}" for name in escapes]
    lines += [f"false alarm  {name}" for name in alarms]
    lines += [
        f"wrong: {kinds_of_wrong} specimens, {len(wrong) - len(escapes)} of {len(wrong)} caught",
        f"right: {kinds_of_right} specimens, {len(alarms)} false alarms in {len(right)}",
        f"evaluations: median {evaluations[len(evaluations) // 2]}, most {evaluations[-1]}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if escapes or alarms else 0


if __name__ == "__main__":
    sys.exit(main())
