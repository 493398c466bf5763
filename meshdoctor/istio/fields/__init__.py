"""What istiod refuses or doubts in an object although its schema allows it: one module a kind, over objects as written."""
