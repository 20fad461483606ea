"""Diagnosis: the simplest hypothesis that explains an error, and a small script that shows it."""

from handgrad.judge.diagnosis.explanation import explanation

__all__ = ["explanation"]
