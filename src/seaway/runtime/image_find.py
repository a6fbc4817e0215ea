"""Which image is meant by what somebody typed."""

from seaway.errors import InvalidInput, NotFound
from seaway.model.names import short
from seaway.runtime import image_names
from seaway.runtime.image_store import ImageStore

_SURELY_AN_ID = 4
"""Fewer digits than this that fit several images are taken for the name of an absent one."""


def find(store: ImageStore, text: str) -> str:
    """The ID of the image that ``text`` names: a name, a digest, an ID or the beginning of one.

    A name is stronger than an ID. Raises NotFound in Docker's words, InvalidInput when the text cannot
    be a reference or fits several IDs.
    """
    found = _by_name(store, text) or _by_identity(store, text)
    if not found:
        raise NotFound(image_names.absent(text))
    return found


def named_by_id(store: ImageStore, text: str, image_id: str) -> bool:
    """True when ``text`` meant the image by its ID, not by a name."""
    return _by_name(store, text) != image_id


def saved_names(store: ImageStore, text: str) -> list[tuple[str, str]]:
    """What ``docker save TEXT`` means: images with the tag to save them under, empty for none.

    A name without a tag is all tags of its repository; an ID or a digest has no tag.
    """
    reference = image_names.parse(text) if not image_names.is_identity(text) else None
    if reference and not reference.tag and not reference.digest:
        tags = [tag for tag in store.index.tags if image_names.parse(tag).name == reference.name]
        if tags:
            return [(store.index.tags[tag], tag) for tag in sorted(tags)]
    image_id = find(store, text)
    tag = reference.key if reference and reference.tag and not reference.digest else ""
    return [(image_id, "" if named_by_id(store, text, image_id) else tag)]


def _by_name(store: ImageStore, text: str) -> str:
    if image_names.is_identity(text):
        return ""
    reference = image_names.parse(text)
    names = store.index.digests if reference.digest else store.index.tags
    found = names.get(reference.key, "")
    return found if store.has(found) else ""


def _by_identity(store: ImageStore, text: str) -> str:
    digits = image_names.identity_digits(text)
    if not digits:
        return ""
    fitting = [i for i in store.ids() if i.removeprefix("sha256:").startswith(digits)]
    if len(fitting) > 1 and len(digits) >= _SURELY_AN_ID:
        several = ", ".join(sorted(short(i.removeprefix("sha256:")) for i in fitting))
        raise InvalidInput(f"image ID {text} is ambiguous: it fits {several}")
    return fitting[0] if len(fitting) == 1 else ""
