"""The steps that belong to decoding: their errors are errors of the picture."""

from pymager.engine import alpha, depth
from pymager.engine.step import Step

DECODE_STEPS: tuple[Step, ...] = (depth.eight_bits, alpha.expand, alpha.clear_outside_frame)
"""They run before scaling, on all pixels."""
