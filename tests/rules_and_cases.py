"""Every rule with every listed variant of its options, and inputs for it."""

from handgrad.judge.draws import draw_cases
from handgrad.judge.trial import Trial
from handgrad.rules import catalog

CLASSES = [cls for classes in catalog.families().values() for cls in classes]
RULES = [rule for cls in CLASSES for rule in catalog.instances(cls)]

ONE_OF_EACH = [catalog.instances(cls)[0] for cls in CLASSES]


def trial_of(rule, seed=0):
    """The rule at inputs of distinct sizes, with an upstream gradient."""
    return Trial(rule, draw_cases(rule, seed)[0].inputs, seed)
