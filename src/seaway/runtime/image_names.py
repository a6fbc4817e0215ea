"""Names of images: Docker's reference grammar, and the short form in which people see it.

``alpine`` is ``docker.io/library/alpine:latest`` in full; ``host:5000/a/b@sha256:…`` names a registry
and a digest. The grammar is that of the distribution specification.
"""

import re
from dataclasses import dataclass, replace

from seaway.errors import InvalidInput

HUB = "docker.io"
_OFFICIAL = "library/"
_LONGEST_NAME = 255

_HEX64 = re.compile(r"[a-f0-9]{64}")
_HEX = re.compile(r"[a-f0-9]{1,64}")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed name. ``tag`` and ``digest`` are empty when they were not given."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def full_name(self) -> str:
        """Registry and repository: ``docker.io/library/alpine``."""
        return f"{self.domain}/{self.path}"

    @property
    def name(self) -> str:
        """The repository as people write it: ``alpine``, ``training/webapp``, ``host:5000/x``."""
        if self.domain != HUB:
            return self.full_name
        short = self.path.removeprefix(_OFFICIAL)
        return self.path if "/" in short else short

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{'@' if self.digest else ''}{self.digest}"

    @property
    def tagged(self) -> "Reference":
        """The same with ``latest`` when it has neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag="latest")

    @property
    def key(self) -> str:
        """What it is stored and shown under: a digest is stronger than a tag beside it."""
        return str(replace(self, tag="")) if self.digest else str(self.tagged)

    def with_tag(self, tag: str) -> "Reference":
        """The same repository with this tag, or digest (``sha256:…``); raises InvalidInput."""
        if _DIGEST.fullmatch(tag):
            return replace(self, tag="", digest=tag)
        if not _TAG.fullmatch(tag):
            raise InvalidInput(f"invalid tag format: {tag!r}")
        return replace(self, tag=tag, digest="")

    def with_digest(self, digest: str) -> "Reference":
        """The same repository at this digest."""
        return replace(self, tag="", digest=digest)


def parse(text: str) -> Reference:
    """The reference in ``text``. Raises InvalidInput in Docker's words."""
    if _HEX64.fullmatch(text):
        raise InvalidInput(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    rest, has_digest, digest = text.partition("@")
    if has_digest and not _DIGEST.fullmatch(digest):
        raise InvalidInput(f"invalid reference format: {text!r} has no valid sha256 digest after @")
    domain, path = _split_domain(rest)
    path, has_tag, tag = path.partition(":")
    if path.lower() != path:
        raise InvalidInput(f"invalid reference format: repository name ({path}) must be lowercase")
    if not _DOMAIN.fullmatch(domain) or not _PATH.fullmatch(path) or (has_tag and not _TAG.fullmatch(tag)):
        raise InvalidInput("invalid reference format")
    if len(domain) + 1 + len(path) > _LONGEST_NAME:
        raise InvalidInput(f"repository name must not be more than {_LONGEST_NAME} characters")
    return Reference(domain, path, tag, digest)


def _split_domain(text: str) -> tuple[str, str]:
    """The first part is a registry when it looks like a host: a dot, a port, localhost, capitals."""
    first, slash, rest = text.partition("/")
    if not slash or not (set(".:") & set(first) or first == "localhost" or first.lower() != first):
        first, rest = HUB, text
    if first == f"index.{HUB}":
        first = HUB
    if first == HUB and "/" not in rest:
        rest = _OFFICIAL + rest
    return first, rest


def identity_digits(text: str) -> str:
    """The hexadecimal digits when ``text`` can be an image ID or the beginning of one, else empty."""
    digits = text.removeprefix("sha256:")
    return digits if _HEX.fullmatch(digits) else ""


def is_identity(text: str) -> bool:
    """True for a whole image ID: 64 digits, with ``sha256:`` or without."""
    return _HEX64.fullmatch(text.removeprefix("sha256:")) is not None


def named(repo: str, tag: str) -> Reference | None:
    """The name that an image shall get, by repository and tag; None when there is no repository.

    ``repo`` may hold the tag. Raises InvalidInput.
    """
    if not repo:
        return None
    reference = parse(repo)
    if reference.digest or tag.startswith("sha256:"):
        raise InvalidInput("refusing to create a tag with a digest reference")
    return (reference.with_tag(tag) if tag else reference).tagged


def absent(text: str) -> str:
    """Docker's sentence for an image that is not here."""
    if is_identity(text):
        return f"No such image: sha256:{text.removeprefix('sha256:')}"
    return f"No such image: {parse(text).tagged}"
