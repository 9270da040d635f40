"""The demo: simulated equipment on loopback, the real daemon polling it, a story that unfolds."""
