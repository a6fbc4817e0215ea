"""A volume: a directory of the host that outlives containers."""

from typing import ClassVar

from msgspec import Struct, field


class Volume(Struct, frozen=True, kw_only=True):
    """A local volume; its ID is its name. ``anonymous`` ones go with their container on ``rm -v``."""

    PREFIX: ClassVar[str] = "volumes/"

    name: str
    mountpoint: str
    created: str
    driver: str = "local"
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    anonymous: bool = False

    @property
    def id(self) -> str:
        """Its name."""
        return self.name
