"""Takes a namespace or a workload into the mesh in waves that can be taken back, and on to STRICT in stages."""
