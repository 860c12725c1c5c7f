"""Out and in: a trained net as a file for other programs, and other programs' nets as ours.

Each format has a file of its own, which imports what it needs when it is used. The room is also the call that writes:

    handgrad.export(net, "net.onnx")
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """`handgrad.export` is a package and a function of that name at once; `handgrad.audit` says why."""

    def __call__(self, net: Any, path: Any, **given: Any) -> Any:
        from handgrad.export.out import export

        return export(net, path, **given)


sys.modules[__name__].__class__ = _Room
