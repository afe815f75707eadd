"""`import`: stores pictures as originals, from a folder, a bucket, or a list of paths and URLs.

A source lists candidates. The importer stores each one under its id, unless the catalog has it already.
"""
