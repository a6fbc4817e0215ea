"""Addresses: pools and the next address (pure), claims (atomic, in the store)."""
