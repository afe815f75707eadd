"""What runs inside a worker process: container walk, decoding, the pipeline, encoding.

The server imports only `jobs` and `wire` from here, which need no decoder: it never loads Pillow.
"""
