"""What an operator can set, and where each value comes from.

One field of `model.Settings` is one setting. Nothing else in pymager reads `PYMAGER_` variables.
"""
