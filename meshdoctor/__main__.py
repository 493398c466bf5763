"""`python -m meshdoctor`."""

from meshdoctor.cli import entry

entry()
