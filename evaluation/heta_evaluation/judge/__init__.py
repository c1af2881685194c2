"""A language model judges: it marks words as a rater would, or says which of two methods' highlightings is better."""
