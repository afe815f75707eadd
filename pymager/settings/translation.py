"""Translates the settings into the values that the parts of the service take."""

import shutil
from dataclasses import fields
from pathlib import Path

from pymager.engine.limits import PictureLimits
from pymager.formats import Encoding
from pymager.settings.model import Settings
from pymager.settings.sources import without_password
from pymager.variants import option_lists
from pymager.variants.grammar import Grammar
from pymager.variants.negotiation import Negotiation
from pymager.variants.numbers import parsed_size
from pymager.variants.policy import Policy
from pymager.variants.signatures import Keyring
from pymager.variants.signing import UrlSigner
from pymager.variants.urls import VariantUrls
from pymager.variants.watermarks import Watermark, watermark
from pymager.workers.limits import WorkerLimits


def encoding(settings: Settings) -> Encoding:
    """How variants are encoded: every field of `Encoding` is a setting of the same name."""
    red, green, blue = bytes.fromhex(settings.background.removeprefix("#"))
    values = {field.name: getattr(settings, field.name) for field in fields(Encoding)}
    return Encoding(**values | {"background": (red, green, blue)})


def negotiation(settings: Settings) -> Negotiation:
    """The formats that the extension `auto` stands for."""
    return Negotiation(settings.auto_formats, settings.auto_avif_pixels)


def picture_limits(settings: Settings) -> PictureLimits:
    """The limits on pictures that are accepted."""
    return PictureLimits(
        settings.decoders,
        settings.max_pixels,
        settings.max_frames,
        settings.max_scans,
        settings.max_animation_pixels,
        settings.max_animation_source_pixels,
    )


def worker_limits(settings: Settings) -> WorkerLimits:
    """The limits on a worker process."""
    return WorkerLimits(
        memory=settings.worker_memory,
        cpu_seconds=max(1, round(settings.worker_timeout)),
        wall_seconds=settings.worker_timeout,
        max_jobs=settings.worker_max_jobs,
        decode_seconds=settings.max_decode_seconds,
    )


def max_spool_bytes(settings: Settings, folder: Path) -> int:
    """The bytes that uploads may take in the spool's folder; always enough for one upload."""
    if settings.max_spool:
        return settings.max_spool
    free = shutil.disk_usage(folder).free
    return max(free // 2 // settings.processes, settings.max_body)


def variant_urls(settings: Settings) -> VariantUrls:
    """What the URLs of variants can ask for."""
    presets = {name: option_lists.preset(name, text) for name, text in settings.presets.items()}
    sizes = None
    if "*" not in settings.sizes:
        sizes = frozenset(map(parsed_size, settings.sizes))
    options, signatures = option_lists.allowed_options(settings.options), settings.signatures != "off"
    policy = Policy(sizes, settings.max_side, options, bool(presets), signatures)
    grammar = Grammar(encoding(settings), presets, settings.watermarks, moves=settings.animated)
    return VariantUrls(grammar, policy)


def keyring(settings: Settings) -> Keyring:
    """The keys for signatures."""
    return Keyring([key.get_secret_value() for key in settings.signing_keys])


def url_signer(settings: Settings) -> UrlSigner:
    """What signs URLs. Needs a key."""
    return UrlSigner(keyring(settings), variant_urls(settings), settings.public_url)


def watermarks_of(settings: Settings) -> dict[str, Watermark]:
    """The watermarks by their names."""
    return {name: watermark(name, text) for name, text in settings.watermarks.items()}


def backends_named(settings: Settings) -> dict[str, str]:
    """The URLs of the stores and of the shared cache, without passwords."""
    urls = {"blobs": settings.blobs_url, "metadata": settings.metadata_url, "shared_cache": settings.shared_cache}
    return {name: without_password(url) for name, url in urls.items() if url}
