"""A rolling update: the version before descriptions of originals, as a wheel, beside this one.

The wheel is pymager at 64d2432e77e1ffd6ea70411c97241380f803b92d, made by `pip wheel --no-deps --no-build-isolation .`.
"""
