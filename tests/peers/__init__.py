"""Real servers on loopback, each a context manager that ends only what it started."""
