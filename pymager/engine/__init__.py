"""Decodes, resizes and encodes pictures; runs inside worker processes only.

The server imports `pymager.engine.jobs` and nothing else from here, so that it never loads a decoder.
"""
