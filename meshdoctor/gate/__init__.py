"""A gate before and after a change: seven questions, judged from a snapshot, its findings, and how it was before."""
