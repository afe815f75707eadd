"""What runs inside a worker process: container walk, decoding, the pipeline, encoding.

A server process never loads Pillow. So it imports only what needs no decoder: `jobs`, `limits`, `protocol`, `recipe`
and `slow_encodings`.
"""
