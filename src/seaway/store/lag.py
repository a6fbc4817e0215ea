"""What a watcher has missed: the events between what it knows and what was just read. Pure."""

from seaway.store.contract import Event, Reading, View


def difference(view: View, reading: Reading) -> list[Event]:
    """Events that lead ``view`` to ``reading``, in the order of their revisions; removals come first."""
    gone = [Event(key, None, reading.revision) for key in view.revisions if key not in reading.items]
    fresh = [
        Event(key, item.value, item.revision)
        for key, item in reading.items.items()
        if view.revisions.get(key) != item.revision
    ]
    return gone + sorted(fresh, key=lambda event: event.revision)
