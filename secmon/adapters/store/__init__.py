"""What outlives the process: one SQL text for every engine; `sqlite.SqliteStore` is the first."""
