"""Every setting: its type, bounds, default and description."""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from pymager import formats
from pymager.engine.limits import PictureLimits
from pymager.sandbox.confinement import SandboxMode
from pymager.settings.credential_types import SignatureMode, SigningKeys, Tokens, Users, default_mode
from pymager.settings.types import (
    OFF,
    YEAR_SECONDS,
    AutoFormats,
    BaseUrl,
    CacheUrl,
    Color,
    DataFolder,
    InDays,
    InputFormats,
    InSeconds,
    MezzanineSide,
    Networks,
    OptionalFolder,
    Options,
    Presets,
    Printable,
    Purgers,
    Seconds,
    Sizes,
    SpoolSize,
    StoreUrl,
    TagHeaders,
    Watermarks,
    is_loopback,
)
from pymager.variants.negotiation import Negotiation

_ENCODING = formats.Encoding()
_LIMITS = PictureLimits(decoders=())
_NEGOTIATION = Negotiation()


class Settings(BaseModel):
    """All settings. Sizes are in bytes and can be written as 100MB or 64MiB; times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Printable = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 chooses a free port.")
    processes: int = Field(1, ge=1, le=256, description="Number of server processes that share the port.")
    public_url: BaseUrl = Field(
        "",
        description="Base URL that clients use, with its path prefix if it has one, such as "
        "`https://img.example.org/pictures`. The headers `Location` and `Link` contain it. Empty: they contain "
        "relative URLs.",
    )
    data: DataFolder = Field(
        Path("pymager-data"), description="Folder of the embedded stores: the blobs, and the SQLite file."
    )
    blobs: StoreUrl = Field("", description="URL of the blob store. Empty: the folder `PYMAGER_DATA`.")
    metadata: StoreUrl = Field(
        "", description="URL of the metadata store. Empty: the SQLite file `catalog.db` in `PYMAGER_DATA`."
    )
    spool: OptionalFolder = Field(
        None,
        description="Folder for temporary files: uploads while they are received and verified, and originals from a "
        "bucket while they are rendered. Empty: the system's temporary folder.",
    )

    read_only: bool = Field(
        False,
        description="Read-only mode: uploads and deletes are refused with 503, and nothing is swept. Originals and "
        "variants are served and rendered as usual.",
    )

    users: Users = Field(
        default_factory=dict,
        description="Users who can upload, delete and list: names and argon2 hashes. `pymager hash-password` prints "
        "`name:hash`. In the environment: `name:hash` pairs separated by spaces. In the file: a table.",
        json_schema_extra={"secret": True},
    )
    tokens: Tokens = Field(
        default_factory=dict,
        description="Bearer tokens that can upload, delete and list: a name for each token, and the token's SHA-256 in "
        "lowercase hexadecimal. In the environment: `name:hash` pairs separated by spaces. In the file: a table.",
        json_schema_extra={"secret": True},
    )

    signing_keys: SigningKeys = Field(
        (),
        description="Keys for signed URLs, the newest first: the first one signs, and all of them verify. Each has at "
        "least 32 bytes, in hexadecimal or base64; `openssl rand -hex 32` makes one.",
        json_schema_extra={"secret": True},
    )
    signatures: SignatureMode = Field(
        default_factory=default_mode,
        description="Where signed URLs are used. `optional`: a signed URL can request any variant. `required`: "
        "originals, variants and `/info` also need a signature or credentials, so pictures are private. `off`: a URL "
        "with a signature is refused. Default: `optional` if `PYMAGER_SIGNING_KEYS` has a key, else `off`.",
    )
    cdn_keys_on_query: bool = Field(
        False,
        description="Whether all shared caches in front use the whole query as part of their keys. With "
        "`PYMAGER_SIGNATURES=required`, they may then store responses to signed URLs whose signatures never expire. "
        "Otherwise such responses are `private`.",
    )

    sizes: Sizes = Field(
        ("100x100", "800x600"),
        description="Allowed sizes of variants, such as `800x600`, or `800x` and `x600` where the other side follows. "
        "`*` allows any size up to `PYMAGER_MAX_SIDE`. `*` is only for trials: anyone who can read pictures can then "
        "fill the blob store with variants.",
    )
    watermarks: Watermarks = Field(
        default_factory=dict,
        description="Watermarks for the option `watermark`, by their names. In the environment: "
        "`logo:image=brand,gravity=southeast,scale=0.25,opacity=1,margin=16;draft:image=stamp`. In the file: tables "
        "such as `[watermarks.logo]`. `image` is the id of an original. `scale` is the watermark's longer side divided "
        "by the variant's shorter side, and `margin` is in pixels. All values of `logo` above, except `image`, are the "
        "defaults.",
    )
    options: Options = Field(
        (),
        description="Options that unsigned URLs can use, such as `fit,gravity,q=75,dpr=2`; a vertical bar separates "
        "several values of an option. An option with a fixed list of values, such as `fit`, can stand alone: all of "
        "them are allowed. `name=*` allows any value, and `*` every option. Each combination is another variant in the "
        "blob store.",
    )
    presets: Presets = Field(
        default_factory=dict,
        description="Named variants for `/derived/{id}@{preset}.{extension}`, which are always allowed. In the "
        "environment: `thumb:200x200,gravity=smart;hero:1600x,q=70`. In the file: tables such as `[presets.thumb]` "
        "with `size` and options.",
    )
    animated: bool = Field(
        False,
        description="Whether variants of animations keep all frames if their format can hold them (GIF, WebP, APNG and "
        "AVIF). A URL overrides it with the option `animated`.",
    )
    max_side: int = Field(
        4096,
        ge=1,
        le=65_535,
        description="Maximum width and height of a variant in pixels if `PYMAGER_SIZES` contains `*`, and of a side "
        "that follows. Variants in BMP, PPM, TGA and TIFF, which hardly compress, then have at most 4,194,304 pixels, "
        "such as 2048x2048.",
    )
    input_formats: InputFormats = Field(
        tuple(formats.FORMATS),
        description="Formats that are accepted for originals. To accept other formats, use their names in Pillow, such "
        "as `dds`. `*` accepts all formats that Pillow reads without running another program. The default leaves out "
        "formats whose extra is not installed; to list such a format is an error.",
    )
    auto_formats: AutoFormats = Field(
        _NEGOTIATION.formats,
        description="Formats that the extension `auto` stands for, best first: a client gets the first one that its "
        "`Accept` header names, and otherwise JPEG, PNG for a picture with transparency, or GIF for an animation. "
        "Empty: always one of these three.",
    )
    auto_avif_pixels: int = Field(
        _NEGOTIATION.avif_max_pixels,
        ge=1,
        description="Maximum number of pixels of a variant for which `auto` chooses AVIF: width times height times "
        "frames. Larger ones take too long to encode.",
    )
    background: Color = Field(
        "#ffffff", description="Color behind transparent pixels in output formats without transparency."
    )
    jpeg_quality: int = Field(_ENCODING.jpeg_quality, ge=1, le=95, description="Quality of JPEG variants.")
    jpeg_coding: formats.JpegCoding = Field(
        _ENCODING.jpeg_coding,
        description="How the pixels of JPEG variants are compressed, without loss. `baseline`: with standard Huffman "
        "tables. `optimized`: with tables made for each picture; about 2 % smaller, for twice the CPU time of "
        "encoding. `progressive`: in several scans; 2 to 10 % smaller, for four times the CPU time, and browsers can "
        "show a coarse picture first.",
    )
    jpeg_subsampling: formats.Subsampling = Field(
        _ENCODING.jpeg_subsampling,
        description="Resolution of colors in JPEG variants: half of the width and height (`4:2:0`), or all of it "
        "(`4:4:4`). `4:4:4` keeps colored text and lines sharp, and is 20 to 40 % larger.",
    )
    webp_quality: int = Field(_ENCODING.webp_quality, ge=1, le=100, description="Quality of WebP variants.")
    webp_method: int = Field(
        _ENCODING.webp_method, ge=0, le=6, description="Effort of WebP encoding: 0 is fastest, 6 is smallest."
    )
    avif_quality: int = Field(_ENCODING.avif_quality, ge=1, le=100, description="Quality of AVIF variants.")
    avif_speed: int = Field(
        _ENCODING.avif_speed, ge=0, le=10, description="Speed of AVIF encoding: 0 is smallest, 10 is fastest."
    )
    avif_subsampling: formats.Subsampling = Field(
        _ENCODING.avif_subsampling,
        description="Resolution of colors in AVIF variants, as in `PYMAGER_JPEG_SUBSAMPLING`.",
    )
    jp2_quality: int = Field(
        _ENCODING.jp2_quality, ge=1, le=100, description="Quality of JPEG 2000 variants in decibels."
    )
    jxl_quality: int = Field(
        _ENCODING.jxl_quality,
        ge=1,
        le=100,
        description="Quality of JPEG XL variants; 100 is lossless. JPEG XL needs `pymager[jxl]`.",
    )
    jxl_effort: int = Field(
        _ENCODING.jxl_effort, ge=1, le=9, description="Effort of JPEG XL encoding: 1 is fastest, 9 is smallest."
    )

    mezzanine: MezzanineSide = Field(
        2048,
        description="Longest side in pixels of the mezzanine: a reduced picture that is made once of each large "
        "original, and from which its smaller variants are rendered. `off`: all variants are rendered from originals. "
        "After a change of this setting, all variants are rendered again.",
    )
    keep_metadata: formats.KeepMetadata = Field(
        _ENCODING.keep_metadata,
        description="Metadata of originals that variants keep. `none`: none. `copyright`: creators, copyright notice, "
        "credit and terms of use, as EXIF and XMP in JPEG, PNG, WebP, AVIF, TIFF and JPEG XL.",
    )

    max_body: ByteSize = Field(ByteSize(100_000_000), ge=1, description="Maximum upload size in bytes.")
    max_spool: SpoolSize = Field(
        ByteSize(0),
        ge=0,
        description="Maximum bytes in `PYMAGER_SPOOL` for all running uploads of a server process together, with the "
        "mezzanines that are made of them. An upload that would exceed it gets 503. Must be at least "
        "`PYMAGER_MAX_BODY`. 0: half of the disk space that is free at the start, divided by `PYMAGER_PROCESSES`.",
    )
    max_pixels: int = Field(
        _LIMITS.pixels, ge=1, description="Maximum number of pixels of an original: width times height."
    )
    max_frames: int = Field(_LIMITS.frames, ge=1, description="Maximum number of frames of an animated original.")
    max_animation_pixels: int = Field(
        _LIMITS.animation_pixels,
        ge=1,
        description="Maximum number of pixels of an animated variant: its frames times its width times its height.",
    )
    max_animation_source_pixels: int = Field(
        _LIMITS.animation_source_pixels,
        ge=1,
        description="Maximum number of pixels of the original of an animated variant: its frames times its width times "
        "its height. Does not limit variants with one frame.",
    )
    max_scans: int = Field(_LIMITS.scans, ge=1, description="Maximum number of scans of a progressive JPEG.")
    max_decode_seconds: Seconds = Field(
        5.0,
        description="Maximum seconds of CPU time to verify an upload. A picture that takes longer to decode is "
        "refused, so no variant of it is ever rendered. A render may take twice as much, or ten times its estimate if "
        "that is more. Values over half of `PYMAGER_WORKER_TIMEOUT` count as half of it.",
    )
    max_connections: int = Field(4_096, ge=1, description="Maximum number of open connections per server process.")
    max_connections_per_client: int = Field(
        0,
        ge=0,
        description="Maximum number of open connections per client address and server process; 0: a quarter of "
        "`PYMAGER_MAX_CONNECTIONS`. An IPv6 client is a /64 network. Does not apply to `PYMAGER_TRUSTED_PROXIES`.",
    )
    header_timeout: Seconds = Field(10.0, description="Maximum seconds to receive the headers of a request.")
    stall_timeout: Seconds = Field(
        10.0,
        description="Seconds over which the transfer rate of a body is measured. A request or response with a rate "
        "below `PYMAGER_MIN_RATE` is cut off.",
    )
    min_rate: int = Field(1_000, ge=1, description="Minimum transfer rate of a body in bytes per second.")
    keepalive_timeout: Seconds = Field(75.0, description="Seconds after which an idle connection is closed.")
    drain_delay: InSeconds = Field(
        0.0,
        ge=0,
        le=3_600,
        description="Seconds from SIGTERM until the server stops listening. Meanwhile, everything is still served, and "
        "`/readyz` is 503 to tell load balancers. SIGINT ends the delay.",
    )
    shutdown_timeout: Seconds = Field(
        20.0, description="Maximum seconds for running requests to finish after SIGTERM and `PYMAGER_DRAIN_DELAY`."
    )
    trusted_proxies: Networks = Field(
        (),
        description="Networks of proxies that report the client's address, such as `10.0.0.0/8`. The address is used "
        "in the log, to share the queues fairly among clients, and to count wrong passwords.",
    )
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for",
        description="Header in which trusted proxies report the client's address. Each proxy must append to the "
        "header or replace it.",
    )

    workers: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        ge=1,
        le=1_024,
        description="Number of worker processes per server process. Default: one per CPU core.",
    )
    queue_size: int = Field(
        64,
        ge=0,
        description="Maximum number of jobs of each kind (renders, uploads, animations) that wait for a worker process "
        "in each of the two lanes, for cheap and for expensive jobs. A quarter more can wait if their clients have no "
        "other job of this kind waiting.",
    )
    worker_memory: ByteSize = Field(
        ByteSize(1 << 30),
        ge=64 << 20,
        description="Maximum address space of a worker process in bytes. A picture of 100 megapixels needs 780 MB.",
    )
    worker_timeout: Seconds = Field(
        30.0,
        description="Maximum seconds that a worker process spends on one picture, of CPU time and also of wall time. "
        "Jobs that are expected to cost little get less CPU time.",
    )
    sandbox: SandboxMode = Field(
        "auto",
        description="What confines worker processes, so that a decoder that is taken over gets no files, no network "
        "and no other process. `auto`: Landlock and seccomp, as far as the kernel has them. `required`: pymager does "
        "not start without both. `off`: neither.",
    )
    worker_max_jobs: int = Field(200, ge=1, description="Number of jobs after which a worker process is replaced.")

    memory_cache: ByteSize = Field(
        ByteSize(64 << 20),
        ge=0,
        description="Maximum size in bytes of the variants that a server process caches in memory; 0 caches none.",
    )
    shared_cache: CacheUrl = Field(
        "",
        description="URL of a cache that all replicas share, such as `memcached://HOST:PORT,HOST:PORT`. Variants are "
        "looked for there after the memory, and before the blob store. Empty: none.",
    )
    shared_cache_timeout: InSeconds = Field(
        0.02,
        gt=0,
        le=10,
        description="Maximum seconds that a request waits for the shared cache, before it reads the blob store.",
    )
    cache_control: Printable = Field(
        "public, max-age=300",
        min_length=1,
        description="`Cache-Control` header of pictures and of `/info`. A CDN can serve a deleted picture for "
        "`max-age` seconds, unless `PYMAGER_PURGERS` has a purger for it.",
    )
    cache_tags: TagHeaders = Field(
        (),
        description="Headers of pictures and of `/info` that have tags for caches: `cache-tag`, `surrogate-key`, "
        "`xkey`. Each has a tag of the original and one of the deployment, by which a cache can be purged.",
    )
    purgers: Purgers = Field(
        (),
        description="URLs of the caches to purge when an original is deleted or replaced, such as "
        "`varnish://127.0.0.1:6081`, separated by spaces. At most 8.",
        json_schema_extra={"secret": True},
    )
    purge_repeat: InSeconds = Field(
        180.0,
        ge=0,
        le=86_400,
        description="Seconds after a delete or replacement until each cache is purged once more, because a response "
        "from before the change can reach the cache after the first purge. Must be longer than a cache waits for a "
        "response. 0: only once.",
    )
    cors_origin: Printable = Field(
        "*", description="`Access-Control-Allow-Origin` header of pictures and of `/info`. Empty: it is not sent."
    )

    sweep_interval: InSeconds = Field(
        3_600.0,
        ge=0,
        le=YEAR_SECONDS,
        description="Seconds between two sweeps by a server process; 0 disables them. A process skips a "
        "sweep while another one sweeps.",
    )
    sweep_grace: InSeconds = Field(
        86_400.0,
        ge=0,
        le=YEAR_SECONDS,
        description="Seconds for which the sweep keeps every new blob, and every original after a sweep first saw it "
        "as an orphan. 0 gives no time to notice a wrong catalog.",
    )
    sweep_max_orphan_percent: float = Field(
        1.0,
        ge=0,
        le=100,
        description="Maximum percentage of originals that may be orphans. If a sweep finds a higher percentage, and "
        "more than 100 orphans (with `--prefix`, 10), it deletes none of them.",
    )
    old_recipe_days: InDays = Field(
        7.0,
        ge=0,
        le=36_500,
        description="Days for which the sweep keeps variants that were made with earlier settings, counted "
        "from the last use of those settings.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Minimum level to log.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Format of the log; `auto` is `console` on a terminal and `json` otherwise."
    )

    metrics_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Port to serve `/metrics` on, for Prometheus; 0 disables it. Requests need no credentials.",
    )
    metrics_host: Printable = Field(
        "", description="Address to serve `/metrics` on. Empty: the same as `PYMAGER_HOST`."
    )
    otel: bool = Field(
        False,
        description="Sends OpenTelemetry traces. OpenTelemetry's own `OTEL_...` variables configure them. Needs "
        "`pymager[otel]`.",
    )
    server_timing: bool = Field(
        False,
        description="Adds a `Server-Timing` header to variants: where the variant came from, and how long each step "
        "took.",
    )
    ui: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether `/` is a web page to upload, look at and try out pictures. `auto`: if `PYMAGER_HOST` is a "
        "loopback address or `--dev` is given. The page shows nothing that the API does not.",
    )

    @property
    def has_ui(self) -> bool:
        """Whether the web page is served."""
        return self.ui == "on" or (self.ui == "auto" and is_loopback(self.host))

    @property
    def connections_per_client(self) -> int:
        """The maximum number of connections per client, with the default filled in."""
        return self.max_connections_per_client or max(1, self.max_connections // 4)

    @property
    def blobs_url(self) -> str:
        """The URL of the blob store, with the default filled in."""
        return self.blobs or f"file://{quote(str(self.data.absolute()))}"

    @property
    def metadata_url(self) -> str:
        """The URL of the metadata store, with the default filled in."""
        return self.metadata or f"sqlite:///{self.data.absolute()}/catalog.db"

    @property
    def mezzanine_side(self) -> int | None:
        """The longest side of a mezzanine in pixels; None if mezzanines are off."""
        return None if self.mezzanine == OFF else self.mezzanine

    @property
    def decoders(self) -> tuple[str, ...]:
        """Pillow's names for the input formats."""
        if "*" in self.input_formats:
            return ("*",)
        known = [formats.FORMATS.get(name.lower()) for name in self.input_formats]
        names = [
            decoder
            for name, format in zip(self.input_formats, known, strict=True)
            for decoder in (format.decoders if format else (name.upper(),))
        ]
        return tuple(dict.fromkeys(names))

    @property
    def folder(self) -> Path | None:
        """The folder of a `file:` blob store, for files beside its blobs; None with any other store."""
        parts = urlsplit(self.blobs_url)
        return Path(unquote(parts.path)).absolute() if parts.scheme == "file" else None
