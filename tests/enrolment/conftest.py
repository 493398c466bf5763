"""A cluster that can be written to, and the command as an operator runs it."""

from tests.fixes.conftest import cluster, meshdoctor

__all__ = ["cluster", "meshdoctor"]
