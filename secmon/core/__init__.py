"""The judge: pure functions over plain values. Stdlib only, no I/O, no clock, no logging."""
