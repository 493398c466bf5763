"""Guided fixes: what one change of one object does for a problem, and the one engine that plans, writes, verifies and undoes it."""
