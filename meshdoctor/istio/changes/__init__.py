"""What differs between two snapshots of a mesh: one subject a file, each a pure function (before, after) -> changes."""
