"""What every store must do, tried on those that need no server."""

from tests.stores.suite import *  # noqa: F403
