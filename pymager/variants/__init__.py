"""What a variant is: its options, the grammar of its URLs, its name and geometry, and who can request it.

Nothing here does I/O or decodes a picture: the web layer, the library, `warm` and the worker processes share it.
"""
