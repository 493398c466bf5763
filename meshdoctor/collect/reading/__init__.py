"""Manifests read from files, folders and pipes: whatever they are, and with the place of every field."""
