"""What the loop costs: our own time, the saved context, waiting runs, start-up, and the embedded model's reading."""
