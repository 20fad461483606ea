"""The judge: is this gradient right, and how do we know?"""

from handgrad.judge.verdict import Finding, Status, Verdict
from handgrad.judge.verify import verify

__all__ = ["Finding", "Status", "Verdict", "verify"]
