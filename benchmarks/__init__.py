"""Measurements, run by hand: each is a command, compares with a peer in one run, and can keep its result as JSON."""
