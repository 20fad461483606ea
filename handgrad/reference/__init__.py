"""The import name of the top-level folder `reference/`, which a wheel holds in this one's place."""

from pathlib import Path

__path__ = [str(Path(__file__).parents[2] / "reference")]
