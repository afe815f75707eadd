"""The steps of the options `sharpen`, `blur` and `gray`. They load numpy only if a variant needs it."""

from PIL import Image

from pymager.engine.step import StepContext


def sharpen(picture: Image.Image, context: StepContext) -> Image.Image:
    """Sharpen the picture by the variant's sigma."""
    sigma = context.job.variant.sharpen
    if not sigma:
        return picture
    from pymager.engine import filters

    return filters.sharpen(picture, sigma)


def blur(picture: Image.Image, context: StepContext) -> Image.Image:
    """Blur the picture by the variant's sigma."""
    sigma = context.job.variant.blur
    if not sigma:
        return picture
    from pymager.engine import filters

    return filters.blur(picture, sigma)


def gray(picture: Image.Image, context: StepContext) -> Image.Image:
    """Make the picture gray."""
    if not context.job.variant.gray:
        return picture
    from pymager.engine import filters

    return filters.gray(picture)
