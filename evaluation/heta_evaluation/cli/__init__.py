"""Commands of the evaluation package."""
