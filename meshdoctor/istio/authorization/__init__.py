"""Authorization: what AuthorizationPolicies and RequestAuthentications decide of a request, and which of them decides."""
