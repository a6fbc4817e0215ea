"""Shared facts: one contract for every store. The table of stores is in ``open_store``."""

from seaway.store.contract import Check, Delete, Event, Item, Put, Reading, Store

__all__ = ["Check", "Delete", "Event", "Item", "Put", "Reading", "Store"]
