"""Every setting: its type and bounds, its default, and what it is for."""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from pymager import formats
from pymager.settings.types import (
    YEAR,
    Accepted,
    BaseUrl,
    Colour,
    DataFolder,
    Networks,
    OptionalFolder,
    Printable,
    Seconds,
    Sizes,
    StoreUrl,
    Tokens,
    Users,
)


class Settings(BaseModel):
    """Everything that can be set. Sizes are in bytes and may be written as 100MB or 64MiB, times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Printable = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    processes: int = Field(1, ge=1, le=256, description="Server processes that share the port.")
    public_url: BaseUrl = Field(
        "",
        description="Base URL that clients see, with a path prefix if there is one, as in "
        "`https://img.example.org/pictures`: used in `Location` and `Link`. Empty: relative URLs.",
    )
    data: DataFolder = Field(Path("pymager-data"), description="Folder of the embedded backends.")
    blobs: StoreUrl = Field("", description="URL of the blob store. Empty: `file:` on the folder `data`.")
    metadata: StoreUrl = Field("", description="URL of the metadata store. Empty: `sqlite:` in the folder `data`.")
    spool: OptionalFolder = Field(
        None,
        description="Folder for bodies while they come in. Empty: the system's folder for temporary files.",
    )

    read_only: bool = Field(
        False,
        description="Refuse uploads and deletes with 503, and do not sweep; pictures are served and derived as ever.",
    )

    users: Users = Field(
        default_factory=dict,
        description="Users who may write and list: name and argon2 hash, as `pymager hash-password` prints it. "
        "In the environment `name:hash`, several with spaces between.",
        json_schema_extra={"secret": True},
    )
    tokens: Tokens = Field(
        default_factory=dict,
        description="Bearer tokens that may write and list: name and SHA-256 of the token in hexadecimal. "
        "In the environment `name:hash`, several with spaces between.",
        json_schema_extra={"secret": True},
    )

    sizes: Sizes = Field(
        ("100x100", "800x600"),
        description="Allowed sizes of derived pictures; `*` allows any up to `max_side`.",
    )
    max_side: int = Field(
        4096,
        ge=1,
        le=65_535,
        description="Longest side of a derived picture in pixels, where `sizes` is `*`.",
    )
    accept: Accepted = Field(
        tuple(formats.FORMATS),
        description="Formats accepted as originals; other formats by Pillow's names, `*` for all that Pillow reads "
        "without running a program.",
        validate_default=True,
    )
    background: Colour = Field("#ffffff", description="Colour under transparency where the output has none.")
    jpeg_quality: int = Field(80, ge=1, le=95, description="Quality of derived JPEG pictures.")
    webp_quality: int = Field(78, ge=1, le=100, description="Quality of derived WebP pictures.")
    webp_method: int = Field(2, ge=0, le=6, description="Effort of WebP encoding: 0 is fast, 6 is small.")
    avif_quality: int = Field(60, ge=1, le=100, description="Quality of derived AVIF pictures.")
    avif_speed: int = Field(8, ge=0, le=10, description="Speed of AVIF encoding: 0 is small, 10 is fast.")
    jp2_quality: int = Field(40, ge=1, le=100, description="Quality of derived JPEG 2000 pictures, in decibels.")

    max_body: ByteSize = Field(ByteSize(100_000_000), ge=1, description="Largest upload.")
    max_pixels: int = Field(100_000_000, ge=1, description="Most pixels of an original, width times height.")
    max_frames: int = Field(1_000, ge=1, description="Most frames of an animated original.")
    max_scans: int = Field(100, ge=1, description="Most scans of a progressive JPEG.")
    max_connections: int = Field(4_096, ge=1, description="Most open connections of one process.")
    header_timeout: Seconds = Field(10.0, description="Time for a request's head to come in whole.")
    stall_timeout: Seconds = Field(
        10.0,
        description="Time in which a body, in either direction, has to move on by `min_rate` times itself.",
    )
    min_rate: int = Field(1_000, ge=1, description="Bytes a second below which a body counts as stalled.")
    keepalive_timeout: Seconds = Field(75.0, description="Time that an idle connection is kept.")
    drain_delay: float = Field(
        0.0,
        ge=0,
        le=3_600,
        description="Time between SIGTERM and the end of listening, in which `/readyz` is 503 and everything is still "
        "served: as long as a load balancer takes to notice. SIGINT ends it.",
    )
    shutdown_timeout: Seconds = Field(
        20.0, description="Time that running requests get after SIGTERM and `drain_delay`."
    )
    trusted_proxies: Networks = Field(
        (),
        description="Networks of proxies whose word on the client's address is taken, as `10.0.0.0/8`: for the log "
        "and for fairness among clients.",
    )
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for",
        description="The header in which those proxies write the address; they have to add to it or replace it.",
    )

    workers: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        ge=1,
        le=1_024,
        description="Worker processes of one server process. Default: one per core.",
    )
    queue: int = Field(
        64,
        ge=0,
        description="Most renders that wait for a worker, and a quarter more of clients who have none waiting; as many "
        "uploads.",
    )
    worker_memory: ByteSize = Field(
        ByteSize(1 << 30), ge=64 << 20, description="Address space of a worker; 100 megapixels need 780 MB."
    )
    worker_seconds: Seconds = Field(30.0, description="Longest that one picture may take in a worker.")
    worker_jobs: int = Field(200, ge=1, description="Jobs after which a worker is replaced.")

    memory_cache: ByteSize = Field(
        ByteSize(64 << 20), ge=0, description="Derived pictures kept in memory by one process; 0 keeps none."
    )
    cache_control: Printable = Field(
        "public, max-age=300",
        min_length=1,
        description="`Cache-Control` of pictures: how late a CDN learns of a delete.",
    )
    cors_origin: Printable = Field("*", description="`Access-Control-Allow-Origin` for reads; empty sends none.")

    sweep_interval: float = Field(
        3_600.0, ge=0, le=YEAR, description="Time between sweeps while serving; 0 never sweeps."
    )
    sweep_grace: float = Field(3_600.0, ge=0, le=YEAR, description="Age below which the sweep leaves a blob alone.")
    recipe_days: float = Field(
        7.0,
        ge=0,
        le=36_500,
        description="Days for which derived pictures of a recipe that is not current any more are kept.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: for people on a terminal, JSON otherwise."
    )

    metrics_port: int = Field(
        0, ge=0, le=65_535, description="Port of `/metrics`, for Prometheus; 0 is off. It has no credentials."
    )
    metrics_host: Printable = Field("", description="Address to serve `/metrics` on. Empty: as `host`.")
    otel: bool = Field(
        False,
        description="Send traces by OpenTelemetry, as its own `OTEL_...` variables say; needs `pymager[otel]`.",
    )
    server_timing: bool = Field(
        False,
        description="Tell with derived pictures, in `Server-Timing`, where they came from and what took how long.",
    )

    @property
    def blobs_url(self) -> str:
        """The URL of the blob store that is in force."""
        return self.blobs or f"file://{quote(str(self.data.absolute()))}"

    @property
    def metadata_url(self) -> str:
        """The URL of the metadata store that is in force."""
        return self.metadata or f"sqlite:///{self.data.absolute()}/catalog.db"

    @property
    def decoders(self) -> tuple[str, ...]:
        """Pillow's names for what is accepted."""
        if "*" in self.accept:
            return ("*",)
        known = [formats.FORMATS.get(name.lower()) for name in self.accept]
        names = [
            decoder
            for name, format in zip(self.accept, known, strict=True)
            for decoder in (format.decoders if format else (name.upper(),))
        ]
        return tuple(dict.fromkeys(names))

    @property
    def folder(self) -> Path | None:
        """The folder of a `file:` blob store, for what is kept beside its blobs; None with any other store."""
        parts = urlsplit(self.blobs_url)
        return Path(unquote(parts.path)).absolute() if parts.scheme == "file" else None
