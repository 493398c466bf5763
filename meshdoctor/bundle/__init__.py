"""Recorded meshes: written from a live one, served again as a Kubernetes API."""
