"""What the commands say and how they listen: safe text, tables, progress, the review dialogue."""
