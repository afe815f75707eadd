"""Fuzzing of everything that parses what strangers, decoders and stores send.

`targets` are functions of bytes that fail for an input that breaks a promise; `mutations` makes inputs from their seeds
by a number; `python -m tests.fuzz` runs a target for long, guided by coverage where atheris is installed. Inputs that
once failed are in `findings`.
"""
