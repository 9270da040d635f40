"""Drivers and their codecs: bytes in, readings or a clear failure out."""
