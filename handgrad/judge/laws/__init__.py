"""Exact laws: what every backward obeys, whatever it computes.

A law takes a Trial and yields a finding for each breach. They hold to the last bit, but for
additivity and layout, where another order of summation may round otherwise.
"""

from dataclasses import replace

from handgrad.judge.calls import CodeError
from handgrad.judge.compare import breach
from handgrad.judge.laws.autograd import each_gradient_can_be_asked_for, tangents_agree
from handgrad.judge.laws.contract import gradients_fit_their_inputs, precision_is_kept
from handgrad.judge.laws.layout import layout_does_not_matter
from handgrad.judge.laws.linearity import (
    outputs_add_up,
    scaling_passes_through,
    scaling_passes_through_far_away,
    sums_pass_through,
)
from handgrad.judge.laws.memory import (
    gradients_own_their_memory,
    nothing_is_overwritten,
    nothing_is_overwritten_at_any_scale,
    results_are_the_callers,
    results_last,
)
from handgrad.judge.laws.state import (
    calls_do_not_matter,
    changes_in_place_are_seen,
    deterministic,
    forwards_do_not_mix,
    instances_do_not_mix,
    the_past_does_not_matter,
)

# At the given inputs; their cost there is a few evaluations.
LAWS = (
    gradients_fit_their_inputs,
    gradients_own_their_memory,
    nothing_is_overwritten,
    deterministic,
    scaling_passes_through,
    sums_pass_through,
)

# These take many calls, and are tried at small inputs.
LONG_LAWS = (
    each_gradient_can_be_asked_for,
    tangents_agree,
    layout_does_not_matter,
    outputs_add_up,
    scaling_passes_through_far_away,
    nothing_is_overwritten_at_any_scale,
    results_last,
    results_are_the_callers,
    forwards_do_not_mix,
    instances_do_not_mix,
    precision_is_kept,
    changes_in_place_are_seen,
    calls_do_not_matter,
    the_past_does_not_matter,
)


def breaches(trial, laws):
    """What is broken of some laws; one that cannot be tried is broken too."""
    found = []
    for law in laws:
        name, names = law.__name__.replace("_", " "), trial.subject.names
        try:
            found += [one.by(name, names) for one in law(trial)]
        except CodeError as error:
            if issubclass(error.kind, Warning):
                continue  # made an error by -W error: the law's inputs are not the given ones
            found.append(replace(breach("raises {what}"), check=name, what=str(error)))
        if law is laws[0] and any(not one.note for one in found):
            break  # without the right shapes there is nothing to try
    return found
