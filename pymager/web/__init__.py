"""HTTP over the library, on aiohttp: routes, conditional requests, bodies, credentials, errors.

Only this package knows the service's HTTP interface: its statuses and headers do not occur outside of it.
"""
