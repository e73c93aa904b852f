"""What parsing keeps and costs: gold values and words that survive it, and pages a second, beside other parsers."""
