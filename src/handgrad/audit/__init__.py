"""Is this backward pass right? Numeric derivatives, and the promises that layers, losses and optimizers keep.

Our own tests stand on them, and so does the audit of somebody else's code.
"""
