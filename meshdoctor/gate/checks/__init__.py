"""The questions of the gate, one file a subject."""
