"""ICC profiles, made byte by byte from the primaries of their standards."""

from tests.engine.handmade import SRGB_BLUE, SRGB_GREEN, SRGB_RED, gray_profile, matrix_profile

# Primaries in XYZ, adapted to D50 by Bradford's transform (Lindbloom, "RGB/XYZ matrices").
ADOBE_RGB = matrix_profile(
    (0.6097559, 0.3111242, 0.0194811), (0.2052401, 0.6256560, 0.0608902), (0.1492240, 0.0632197, 0.7448387), 563 / 256
)
LINEAR_SRGB = matrix_profile(SRGB_RED, SRGB_GREEN, SRGB_BLUE, 1.0)
DISPLAY_P3 = matrix_profile(
    (0.5151187, 0.2411898, -0.0010505), (0.2919778, 0.6922441, 0.0418782), (0.1571035, 0.0665661, 0.7840738), 2.2
)
GRAY_LINEAR = gray_profile(1.0)
GRAY_22 = gray_profile(2.2)
