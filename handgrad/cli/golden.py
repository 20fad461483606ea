"""handgrad verify --golden: today's rules, or somebody else's results, held against a file."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

from handgrad.cli.console import GREEN, RED, UsageError, coloured
from handgrad.common import strict_json
from handgrad.common.text import many, number

HEADER = f"{'rule':<29}{'precision':<10}{'arrays':>10}{'numbers':>9}{'off by':>9}   verdict"
SHOWN = 3  # findings below a row; --json has them all


@dataclass(frozen=True)
class _Row:
    """The comparisons of one rule in one precision, and how many arrays there are to compare."""

    rule: str
    precision: str
    comparisons: list
    arrays: int

    @property
    def status(self):
        from handgrad.judge.verdict import Status

        statuses = {comparison.status for comparison in self.comparisons}
        return next(status for status in Status if status in statuses)

    @property
    def off_by(self):
        return max(c.off_by for c in self.comparisons)

    @property
    def numbers(self):
        return sum(c.numbers for c in self.comparisons)

    @property
    def wrong(self):
        return [c for c in self.comparisons if not c]


def add_options(parser):
    add = parser.add_argument
    add("--golden", metavar="FILE", type=Path, help="judge by the vectors of handgrad export")
    add("--against", metavar="YOURS", type=Path, help="and a port's results, in this .npz file")


def run(arguments):
    """0 if every result agrees, 1 if one does not or there is none, 2 if a file is damaged."""
    if arguments.golden is None:
        raise UsageError("--against needs --golden FILE, with the vectors to judge it by")
    if arguments.input or arguments.seed:
        raise UsageError("--golden FILE holds its own inputs: leave --input and --seed out")
    if arguments.like or arguments.strict or arguments.numbers:
        raise UsageError(
            "--golden FILE is compared as it is: leave --like, --strict, --numbers out"
        )
    vectors, comparisons = _compared(arguments)
    chosen = _chosen(arguments.targets, vectors)
    rows = list(_rows(vectors, comparisons, chosen))
    asked = [entry for entry in vectors.manifest.entries if entry.rule in chosen]
    total = sum(len(entry.having("output", "gradient")) for entry in asked)
    if arguments.json:
        print(_as_json(arguments, vectors, rows, total))
    elif rows:
        print("\n".join([HEADER, *map(_row, rows), _summary(rows, total)]))
    else:
        print(f"nothing was judged: {arguments.against} has none of the outputs and gradients")
    return 0 if rows and not any(row.wrong for row in rows) else 1


def _compared(arguments):
    """The golden file, and the comparisons with what it is held against."""
    from handgrad.bridges import golden

    path = arguments.golden
    try:
        vectors = golden.load(path)
        if arguments.against is None:
            return vectors, golden.check(vectors)
        path = arguments.against
        return vectors, golden.judge(vectors, golden.read_results(path, vectors))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(error) from None


def _chosen(targets, vectors):
    """The names of the rules that the targets stand for, which the file must have."""
    from handgrad.cli.targets import find_rules, is_file

    held = {entry.rule for entry in vectors.manifest.entries}
    chosen = set()
    for target in targets:
        if is_file(target):
            raise UsageError(f"{target} is a file: with --golden a TARGET is a rule or a family")
        names = {cls.__name__ for cls in find_rules(target)}
        if not names & held:
            raise UsageError(f"{vectors.path} has no vectors of {target}")
        chosen |= names
    return chosen or held


def _rows(vectors, comparisons, chosen):
    """A row for each rule and precision of which something was compared."""
    compared, arrays = {}, {}
    for comparison in comparisons:
        entry = comparison.entry
        compared.setdefault((entry.rule, entry.precision), []).append(comparison)
    for entry in vectors.manifest.entries:
        key = (entry.rule, entry.precision)
        arrays[key] = arrays.get(key, 0) + len(entry.having("output", "gradient"))
    for (rule, precision), own in compared.items():
        if rule in chosen:
            yield _Row(rule, precision, own, arrays[rule, precision])


def _row(row):
    status = coloured(row.status, RED if row.wrong else GREEN)
    line = f"{row.rule:<29}{row.precision:<10}{f'{len(row.comparisons)}/{row.arrays}':>10}"
    lines = [f"{line}{row.numbers:>9}{number(row.off_by):>9}   {status}"]
    lines += [_indented(finding) for finding in row.wrong[:SHOWN]]
    if len(row.wrong) > SHOWN:
        lines.append(f"    and {len(row.wrong) - SHOWN} more")
    return "\n".join(lines)


def _indented(text):
    return textwrap.fill(str(text), 80, initial_indent="    ", subsequent_indent="      ")


def _summary(rows, total):
    """How many of all arrays were compared, and what came of it."""
    from handgrad.bridges.golden import LIMIT

    count = sum(len(row.comparisons) for row in rows)
    wrong = dict.fromkeys(f"{row.rule} ({row.precision})" for row in rows if row.wrong)
    missing = f"; {total - count} are not in the port" if count < total else ""
    passed = "what is there passes" if missing else "all pass"
    outcome = (f"not right: {', '.join(wrong)}" if wrong else passed) + missing
    text = f"{count} of {many(total, 'array')}; up to {LIMIT} units of noise are not an error: {outcome}"
    return textwrap.fill(text, 80, subsequent_indent="  ")


def _as_json(arguments, vectors, rows, total):
    whole = {
        "ok": bool(rows) and not any(row.wrong for row in rows),
        "golden": str(arguments.golden),
        "against": arguments.against and str(arguments.against),
        "handgrad": vectors.manifest.handgrad,
        "seed": vectors.manifest.seed,
        "arrays": sum(len(row.comparisons) for row in rows),
        "of": total,
        "rules": [
            {
                "rule": row.rule,
                "precision": row.precision,
                "status": row.status,
                "ok": not row.wrong,
                "arrays": len(row.comparisons),
                "of": row.arrays,
                "numbers": row.numbers,
                "off_by": row.off_by,
                "findings": [_finding(comparison) for comparison in row.wrong],
            }
            for row in rows
        ],
    }
    return strict_json.dumps(whole, indent=2)


def _finding(comparison):
    return {
        "status": comparison.status,
        "options": comparison.entry.options,
        "case": comparison.entry.case,
        "array": comparison.name,
        "off_by": comparison.off_by,
        "message": comparison.message,
    }
