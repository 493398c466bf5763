"""Bundles of other tools, read as recordings."""
