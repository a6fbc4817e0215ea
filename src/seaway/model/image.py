"""An image: configuration and names. Its bytes are the runtime room's business."""

from typing import Any

from msgspec import Struct, field

from seaway.model.container import Config


class Image(Struct, frozen=True, kw_only=True):
    """An image. ``id`` is ``sha256:`` and 64 digits, the digest of the configuration's own bytes.

    ``size`` is that of the unpacked layers in bytes; ``history`` and ``diff_ids`` are as the
    OCI image specification has them, oldest first; each step of the history has ``size`` besides, the
    bytes of the layer it made. ``parent`` is the image a commit was made upon;
    ``last_tagged`` is RFC 3339 text.
    """

    id: str
    created: str = ""
    architecture: str = "amd64"
    os: str = "linux"
    variant: str = ""
    author: str = ""
    comment: str = ""
    config: Config = Config()
    size: int = 0
    diff_ids: tuple[str, ...] = ()
    history: tuple[dict[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    parent: str = ""
    last_tagged: str = ""
