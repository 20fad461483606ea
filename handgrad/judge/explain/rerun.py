"""The verdict at other inputs, as a script would ask for it: of a layer into which its parameters are put."""

import copy

from handgrad.judge.calls import CodeError, Contained, UnjudgeableError
from handgrad.judge.draws import Case
from handgrad.judge.inputs import Arguments
from handgrad.judge.libraries import library_of, to_library
from handgrad.judge.stages import Examination
from handgrad.judge.subjects import subject_of
from handgrad.judge.verdict import Verdict


def judged_again(examination, inputs, budget):
    """The verdict at other inputs, on a subject as it was at first; None if there is none."""
    before = examination.verdict
    verdict = Verdict(before.subject, before.seed, before.strict)
    try:
        subject = _anew(examination, inputs)
        if subject.names != examination.subject.names:
            return None  # a parameter is not found again
        again = Examination(
            verdict, subject, examination.oracle, examination.library, examination.stated
        )
        again.budget = budget
        again.at_given(Case(tuple(inputs), ""))
        again.close()
    except (CodeError, UnjudgeableError):
        return None
    return verdict


def _anew(examination, inputs):
    """The subject as it was at first; of a layer with these parameters, whose gradients are sought."""
    first = examination.subject.pristine
    if first is None:
        return examination.subject
    subject = first.anew()
    subject.pristine = first
    found, library = getattr(first, "found", []), examination.library
    if not found or examination.options.keys() & {"params", "gradient_of"}:
        return subject
    with Contained():
        layer = copy.deepcopy(first.held)
    count = len(inputs) - len(found)
    for parameter, value in zip(found, inputs[count:], strict=True):
        for place in parameter.places:
            place.put(layer, to_library(value.copy(), library_of([place.get(layer)])))
    numbers = subject.numbers
    leaves = [
        x.item() if i in numbers else to_library(x, library) for i, x in enumerate(inputs[:count])
    ]
    given = Arguments(subject.arguments.pack(leaves), subject.arguments.names)
    return subject_of(layer, None, given, library)
