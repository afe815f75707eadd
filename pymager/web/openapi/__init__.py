"""`GET /openapi.json`: the HTTP interface as OpenAPI 3.1.

`document` has the paths, `options` the parameters of variants, and `schemas` what the paths share.
"""
