"""What several tests of commands share."""


def assert_refused(result, *shown):
    """Status 2 and one sentence that shows this, and nothing was begun."""
    status, output, errors = result
    assert (status, output) == (2, "")
    assert errors.startswith("handgrad: ")
    assert errors.count("\n") == 1
    for text in shown:
        assert str(text) in errors
