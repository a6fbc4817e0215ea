"""What every cluster's store must do when its server is hurt, tried on real servers."""

from tests.stores.faults import *  # noqa: F403
