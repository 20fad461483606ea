"""Diagnosis: the simplest hypothesis that explains an error, and how much of it."""

from handgrad.judge.diagnosis.diagnose import diagnose

__all__ = ["diagnose"]
