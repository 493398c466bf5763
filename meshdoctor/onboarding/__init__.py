"""How far each namespace is on its way into the mesh: the checklist, judged from one snapshot and its findings."""
