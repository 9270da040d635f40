"""The shell: asyncio lives here and in the drivers. It waits, polls, commits and delivers."""
