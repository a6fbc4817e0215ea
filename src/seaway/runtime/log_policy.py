"""What a LogConfig asks for: the driver, how large a log may grow, how many files stay. Pure."""

from seaway.errors import InvalidInput
from seaway.model.container import LogConfig

OPTIONS = {
    "json-file": ("max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag"),
    "local": ("max-size", "max-file", "compress"),
}
"""Options that Docker knows, by log driver; those of other drivers are not looked at."""

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def policy(config: LogConfig) -> tuple[str, int, int]:
    """``(type, max size in bytes or 0, max number of files)`` of Docker's LogConfig.

    Raises InvalidInput for a log driver that is not here, or an option that is no number.
    """
    kind = config.type or "json-file"
    usual = {"json-file": (0, 1), "local": (20 << 20, 5), "none": (0, 1)}.get(kind)
    if usual is None:
        raise InvalidInput(f"logger: no log driver named '{kind}' is registered")
    options = config.config or {}
    size = parse_size(options["max-size"]) if options.get("max-size") else usual[0]
    files = options.get("max-file", "")
    if files and not (files.isdigit() and int(files) > 0):
        raise InvalidInput(f"max-file cannot be less than 1: {files!r}")
    return kind, max(size, 0), int(files) if files else usual[1]


def check_options(config: LogConfig) -> None:
    """Raises InvalidInput for an option that the driver does not have."""
    kind = config.type or "json-file"
    for name in config.config or {}:
        if name not in OPTIONS.get(kind, (name,)) and name not in ("mode", "max-buffer-size"):
            raise InvalidInput(f"unknown log opt '{name}' for {kind} log driver")


def parse_size(text: str) -> int:
    """Bytes in ``10m``, ``1.5g``, ``4096``; -1 stands for no limit. Raises InvalidInput."""
    word = text.strip().lower().removesuffix("b").removesuffix("i")
    digits = word.rstrip("kmg")
    try:
        return int(float(digits) * _UNITS[word[len(digits) :]])
    except (KeyError, ValueError, OverflowError) as error:
        raise InvalidInput(f"invalid size: '{text}'") from error
