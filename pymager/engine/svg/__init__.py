"""SVG: read and bounded by pymager, written anew with only what a picture may have, and drawn by resvg.

resvg would read files that a picture refers to, so it never gets an original's own text.
"""
