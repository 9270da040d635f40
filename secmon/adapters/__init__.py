"""The outside things: the store, the clock, metrics, systemd, people's channels; one file each."""
