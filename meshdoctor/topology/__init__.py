"""Who calls whom: the service graph, each edge with what it is known from."""
