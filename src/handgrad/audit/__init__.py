"""Is this backward pass right? Numeric derivatives, and the promises that layers, losses and optimizers keep.

Our own tests stand on them, and so does the audit of somebody else's code. The room is also the call that opens it:

    report = handgrad.audit(model, loss=loss, x=x, y=y)
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """`handgrad.audit` is a package and a function of that name at once, so the package's module can be called.

    A function put in the module's place would hide it, and `import handgrad.audit.x` would put the module back over the
    function: which of the two one gets would hang on what was imported before. A module that can be called is always
    both, and imports nothing until it is.
    """

    def __call__(self, model: Any, **given: Any) -> Any:
        from handgrad.audit.memory.call import audit

        return audit(model, **given)


sys.modules[__name__].__class__ = _Room
