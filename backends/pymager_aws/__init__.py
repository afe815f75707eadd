"""What the backends on AWS protocols share: credentials, signatures, connections and URLs.

Knows nothing of buckets and tables: those are in `pymager_s3` and `pymager_dynamodb`.
"""
