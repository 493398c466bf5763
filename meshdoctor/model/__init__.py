"""Typed objects and the snapshot that holds them. Imports nothing else of meshdoctor."""
