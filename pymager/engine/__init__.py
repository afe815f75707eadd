"""What runs inside a worker process: container walk, decoding, the pipeline, encoding.

The server imports only `jobs`, `limits`, `recipe` and `protocol` from here. These need no decoder, so that a server
process never loads Pillow.
"""
