"""Fixtures that several files of this room use."""

from tests.kernel.boxyard import busybox_image, yard

__all__ = ["busybox_image", "yard"]
