"""Codecs, tested without any socket."""
