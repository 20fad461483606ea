"""The catalog: which rules there are, by name and by family."""

import difflib
import sys

from handgrad import rules


def families():
    """The rule classes of each family, by the family's name."""
    classes = [value for value in vars(rules).values() if isinstance(value, type)]
    found = {}
    for cls in sorted(classes, key=lambda cls: (cls.__module__, cls.__name__)):
        found.setdefault(cls.__module__.rpartition(".")[2], []).append(cls)
    return found


def instances(cls):
    """A rule of this class with its default fields, if it has them all, and the listed variants."""
    variants = getattr(sys.modules[cls.__module__], "VARIANTS", ())
    try:
        default = (cls(),)
    except TypeError:
        default = ()
    return [*default, *(rule for rule in variants if type(rule) is cls)]


def find(name):
    """The rule classes that a name stands for: a rule's or a family's, in any case, with spaces too.

    Raises LookupError for an unknown name, with the nearest ones.
    """
    named = {cls.__name__: [cls] for classes in families().values() for cls in classes}
    named |= families()
    lower = {key.lower(): key for key in named}
    wanted = name.strip().lower()
    for spelled in (wanted, wanted.replace(" ", "_").replace("-", "_")):
        if spelled in lower:
            return named[lower[spelled]]
    begun = [key for key in lower if len(wanted) > 2 and key.startswith(wanted)]
    nearest = begun[:3] or difflib.get_close_matches(wanted, lower, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(lower[n] for n in nearest)}?" if nearest else "see --help"
    raise LookupError(f"there is no rule or family {name!r}: {hint}")
