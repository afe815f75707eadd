"""Animations: read as complete frames, one after the other, and written from such frames.

A file of GIF, APNG or WebP is a list of parts: still pictures that are drawn onto a canvas, one after the other
(`parts`). The readers find the parts, Pillow decodes each as a picture of its own, and `compose` draws them as browsers
do. The frames of AVIF are complete. The writers need one frame and its predecessor at a time.

`pymager.engine.render` renders all frames of an animation; which ones a variant has is not a choice.
"""
