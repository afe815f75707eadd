"""The settings: what can be configured, and where each value comes from.

Each field of `model.Settings` is one setting. Nothing else in pymager reads `PYMAGER_` variables.
"""
