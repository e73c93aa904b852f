"""How well the embedded model does what a person says about a schema: `python -m benchmarks.propose`."""
