"""Containers themselves: images, root file systems, OCI bundles, the runtime, logs."""
