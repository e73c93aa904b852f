"""Measurements, run by hand: each is a command, compares with a named peer in one run, and can keep its result as JSON."""
