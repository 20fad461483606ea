"""Diagnosis: the simplest hypothesis that explains an error, and a small script that shows it."""
