"""Docker's filters for lists of images."""

import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from seaway.api.shapes import moment
from seaway.engine import filters as sieve
from seaway.errors import InvalidInput
from seaway.model.image import Image

KEYS = ("before", "dangling", "label", "label!", "reference", "since", "until")


def images(found: Sequence[Image], wanted: Mapping[str, list[str]]) -> list[Image]:
    """The images that pass, newest first. Raises InvalidInput for keys and values there are not."""
    sieve.known(wanted, KEYS)
    dangling = sieve.boolean(wanted, "dangling")
    limit = sieve.until(wanted, time.time())
    tests: tuple[Callable[[Image], bool], ...] = (
        lambda i: sieve.labels_pass(i.labels or i.config.labels or {}, wanted),
        lambda i: dangling is None or dangling != bool(i.tags),
        lambda i: limit is None or moment(i.created) <= limit,
        lambda i: all(moment(i.created) < moment(_find(found, r).created) for r in wanted.get("before", ())),
        lambda i: all(moment(i.created) > moment(_find(found, r).created) for r in wanted.get("since", ())),
        lambda i: not wanted.get("reference") or any(refers(i, p) for p in wanted["reference"]),
    )
    newest = sorted(found, key=lambda i: moment(i.created), reverse=True)
    return [i for i in newest if all(test(i) for test in tests)]


def refers(one: Image, pattern: str) -> bool:
    """Whether a name of the image matches a pattern, with its tag or without."""
    names = {n for tag in one.tags for n in (tag, tag.rpartition(":")[0])}
    names |= {d.partition("@")[0] for d in one.digests} | set(one.digests)
    short = pattern.removeprefix("docker.io/").removeprefix("library/")
    return any(
        fnmatchcase(name, p) and name.count("/") == p.count("/") for name in names for p in (pattern, short)
    )


def _find(found: Sequence[Image], reference: str) -> Image:
    digits = reference.removeprefix("sha256:")
    for one in found:
        if reference in one.tags or f"{reference}:latest" in one.tags or one.id[7:].startswith(digits):
            return one
    raise InvalidInput(f"No such image: {reference}")
