"""Purgers: Varnish, Fastly, Cloudflare, CloudFront, and a signed webhook."""

from pymager_purgers.cloudflare import Cloudflare
from pymager_purgers.cloudfront import CloudFront
from pymager_purgers.fastly import Fastly
from pymager_purgers.varnish import Varnish
from pymager_purgers.webhook import Webhook

__all__ = ["CloudFront", "Cloudflare", "Fastly", "Varnish", "Webhook"]
