"""Tests mirror the code, file for file; peers/ are real servers, house/ are the house rules."""
