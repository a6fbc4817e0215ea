"""The verbs. The only room that knows all the others."""

from seaway.engine.engine import Engine

__all__ = ["Engine"]
