"""Shared facts: one contract for every store. The table of cluster stores is in ``table.py``."""

from seaway.store.contract import LIMIT, Batch, Check, Delete, Event, Item, Put, Reading, Store, View, Write

__all__ = [
    "LIMIT",
    "Batch",
    "Check",
    "Delete",
    "Event",
    "Item",
    "Put",
    "Reading",
    "Store",
    "View",
    "Write",
]
