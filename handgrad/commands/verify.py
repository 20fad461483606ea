"""handgrad verify: judge rules, and print one line for each."""

import json
import time

from handgrad import catalog
from handgrad.commands.console import GREEN, RED, UsageError, coloured, progress, whole_number

HEADER = f"{'rule':<30}{'cases':>5}{'vs JAX':>10}{'vs numbers':>12}   {'± bar':<9}verdict"


def add_parser(commands):
    parser = commands.add_parser(
        "verify",
        help="judge rules by exact laws, by JAX and by numbers",
        description="Judge rules by exact laws, by JAX's gradient of an independent reference, "
        "and by numerical derivatives. The last three columns are shares of the gradient's scale.",
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a rule or a family; all")
    parser.add_argument(
        "--seed", type=whole_number, default=0, help="of the random inputs (default: 0)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and no table")
    parser.set_defaults(run=run)


def run(arguments):
    """0 if every rule passes, 1 if one does not, 2 if a target is unknown."""
    classes = _classes(arguments.targets or list(catalog.families()))
    begin = time.perf_counter()
    if not arguments.json:
        print(HEADER)
    judged = []
    for i, cls in enumerate(classes):
        progress(f"{i}/{len(classes)} {cls.__name__}")
        verdict = _judge(cls, arguments.seed)
        progress()
        judged.append(verdict)
        if not arguments.json:
            print(_row(verdict), flush=True)
    seconds = time.perf_counter() - begin
    print(
        _as_json(judged, arguments.seed, seconds) if arguments.json else _summary(judged, seconds)
    )
    return 0 if all(judged) else 1


def _classes(targets):
    """The rule classes that the targets name, each once."""
    try:
        return list(dict.fromkeys(cls for target in targets for cls in catalog.find(target)))
    except LookupError as error:
        raise UsageError(error.args[0]) from None


def _judge(cls, seed):
    """One verdict on all variants of a rule."""
    from handgrad.judge import Verdict, verify

    return Verdict.combined(
        cls.__name__, [verify(rule, seed=seed) for rule in catalog.instances(cls)]
    )


def _row(verdict):
    from handgrad.judge.verdict import number

    status = coloured(verdict.status.value, GREEN if verdict.ok else RED)
    row = f"{verdict.subject:<30}{verdict.cases:>5}{number(verdict.vs_jax):>10}"
    row += f"{number(verdict.vs_numbers):>12} ± {number(verdict.error_bar):<9}{status}"
    return "\n".join([row, *(f"    {finding}" for finding in verdict.findings)])


def _summary(judged, seconds):
    failed = [verdict.subject for verdict in judged if not verdict.ok]
    cases = sum(verdict.cases for verdict in judged)
    outcome = f"not right: {', '.join(failed)}" if failed else "all pass"
    return f"{len(judged)} rules, {cases} cases, {seconds:.0f} s: {outcome}"


def _as_json(judged, seed, seconds):
    rules = [verdict.to_dict() for verdict in judged]
    whole = {"ok": all(judged), "seed": seed, "seconds": round(seconds, 3), "rules": rules}
    return json.dumps(whole, ensure_ascii=False, indent=2)
