"""What a bridge takes: a rule, and nothing that only looks like one."""

import inspect


def refuse_what_is_no_rule(rule):
    """Raise TypeError, in one sentence, unless this is a rule."""
    if isinstance(rule, type):
        raise TypeError(f"{rule.__name__} is a class: pass a rule, such as {rule.__name__}()")
    if not (hasattr(rule, "forward") and hasattr(rule, "backward")):
        raise TypeError(f"{rule!r} is not a rule: it has no forward and backward")
    try:
        inspect.signature(rule.backward).bind("residuals", "dy")
    except TypeError:
        raise TypeError(
            f"{rule!r} is not a rule, whose backward takes (residuals, dy): pass the rule that a "
            "layer is made of, as in layer.rule"
        ) from None
