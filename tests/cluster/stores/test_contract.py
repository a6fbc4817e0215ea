"""What every store must do, tried on real servers."""

from tests.stores.suite import *  # noqa: F403
