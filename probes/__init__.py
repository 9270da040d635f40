"""The drivers, one protocol each: see docs/adding-a-driver.md."""
