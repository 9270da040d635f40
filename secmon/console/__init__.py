"""What people and programs see over HTTP: the JSON API now, the operator's pages beside it."""
