"""The command that trains, on small digits."""

import pytest


@pytest.fixture
def train(handgrad, mnist):
    """Runs `handgrad train` on the small digits."""
    return lambda *arguments: handgrad("train", "--mnist", mnist, *arguments)
