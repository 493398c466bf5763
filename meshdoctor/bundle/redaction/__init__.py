"""Takes secrets out of what is read, in memory, before any of it is written."""
