"""What ``docker rmi`` and ``docker image prune`` take away, and what they refuse: rules only, no disk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec.structs import replace as changed

from seaway.errors import Conflict
from seaway.model.image import Image
from seaway.model.names import short
from seaway.runtime.image_layers import chain_ids
from seaway.runtime.image_names import parse
from seaway.runtime.image_store import Index

User = tuple[str, bool]
"""A container that was made from the image: its ID, and whether it runs."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What happens: Docker's records of it, the index afterwards, the bytes that layers gave back."""

    index: Index
    records: tuple[dict[str, str], ...] = ()
    freed: int = 0

    def untag(self, names: Sequence[str]) -> "Removal":
        """Also take these names away."""
        gone = set(names)
        index = changed(
            self.index,
            tags={k: v for k, v in self.index.tags.items() if k not in gone},
            digests={k: v for k, v in self.index.digests.items() if k not in gone},
        )
        return replace(self, index=index, records=(*self.records, *({"Untagged": n} for n in names)))

    def delete(self, image: Image, others: Sequence[Image], keep_layers: bool) -> "Removal":
        """Also delete the image, with the layers that no other has."""
        chains = chain_ids(image.diff_ids)
        kept = set(chains) if keep_layers else set()
        for other in others:
            kept.update(chain_ids(other.diff_ids))
        gone = [image.id, *(chain for chain in reversed(chains) if chain not in kept)]
        sizes = dict(zip(chains, self.index.images[image.id].sizes, strict=False))
        images = {k: v for k, v in self.index.images.items() if k != image.id}
        return replace(
            self,
            index=changed(self.index, images=images),
            records=(*self.records, *({"Deleted": digest} for digest in gone)),
            freed=self.freed + sum(sizes.get(digest, 0) for digest in gone),
        )


def remove(
    index: Index,
    images: Mapping[str, Image],
    image_id: str,
    name: str,
    asked: str,
    users: Sequence[User],
    *,
    force: bool,
) -> Removal:
    """Remove by name, or by ID when ``name`` is empty. ``asked`` is what the user typed.

    Raises Conflict in Docker's words. A name goes alone while the image has others.
    """
    if name:
        removal = _by_name(Removal(index), image_id, name, asked, users, force)
        if removal.index.names(image_id):
            return removal
    else:
        removal = _by_identity(Removal(index), image_id, users, force)
    refusal = _refusal(removal.index, image_id, users, force)
    if refusal and name:
        return removal  # untagged only: whoever uses the image keeps it
    if refusal:
        raise refusal
    removal = removal.untag(removal.index.names(image_id))
    others = [image for other, image in images.items() if other != image_id]
    return removal.delete(images[image_id], others, keep_layers=bool(users))


def prune(
    index: Index,
    images: Mapping[str, Image],
    wanted: Callable[[Image], bool],
    users: Callable[[str], Sequence[User]],
    *,
    dangling: bool,
) -> Removal:
    """Remove what no container was made from: all such images, or those without a tag."""
    total = Removal(index)
    for image in images.values():
        tagged = total.index.tags_of(image.id)
        if (dangling and tagged) or not wanted(image) or users(image.id):
            continue
        if _refusal(total.index, image.id, (), force=True):
            continue
        total = total.untag(total.index.names(image.id))
        others = [other for other in images.values() if other.id in total.index.images and other is not image]
        total = total.delete(image, others, keep_layers=False)
    return total


def _by_name(
    removal: Removal, image_id: str, name: str, asked: str, users: Sequence[User], force: bool
) -> Removal:
    if users and not force and _single(removal.index, image_id):
        raise Conflict(
            f'conflict: unable to remove repository reference "{asked}" (must force) - container '
            f"{short(users[0][0])} is using its referenced image {_digits(image_id)}"
        )
    removal = removal.untag([name])
    repository = parse(name).full_name
    if parse(name).digest or any(
        parse(tag).full_name == repository for tag in removal.index.tags_of(image_id)
    ):
        return removal
    # The last tag of a repository takes the repository's digests with it.
    digests = removal.index.digests_of(image_id)
    return removal.untag([digest for digest in digests if parse(digest).full_name == repository])


def _by_identity(removal: Removal, image_id: str, users: Sequence[User], force: bool) -> Removal:
    if not _single(removal.index, image_id):
        return removal
    untagged = removal.untag(removal.index.names(image_id))
    refusal = _refusal(untagged.index, image_id, users, force)
    if refusal:
        raise refusal
    return untagged


def _refusal(index: Index, image_id: str, users: Sequence[User], force: bool) -> Conflict | None:
    """Why the image cannot be deleted; force overcomes names and stopped containers only."""
    if any(record.parent == image_id for record in index.images.values()):
        return _conflict(image_id, "cannot", "image has dependent child images")
    for container, running in users:
        if running:
            return _conflict(
                image_id, "cannot", f"image is being used by running container {short(container)}"
            )
    if force:
        return None
    if index.names(image_id):
        return _conflict(image_id, "must", "image is referenced in multiple repositories")
    for container, _ in users:
        return _conflict(image_id, "must", f"image is being used by stopped container {short(container)}")
    return None


def _conflict(image_id: str, verb: str, why: str) -> Conflict:
    return Conflict(f"conflict: unable to delete {_digits(image_id)} ({verb} be forced) - {why}")


def _digits(image_id: str) -> str:
    return short(image_id.removeprefix("sha256:"))


def _single(index: Index, image_id: str) -> bool:
    """At most one tag, and all digests within its repository: the image hangs on one thread."""
    names = index.names(image_id)
    tags = index.tags_of(image_id)
    if len(names) <= 1:
        return True
    return len(tags) <= 1 and len({parse(name).full_name for name in names}) == 1
