"""Repair: a patch is found by trying. Small edits of somebody's code are put to work and its gradients measured again.

The edit after which they are right is the mistake, whether it has a name or not: mutation testing turned round.
"""

from __future__ import annotations

from handgrad.audit.repair.search import repair

__all__ = ["repair"]
