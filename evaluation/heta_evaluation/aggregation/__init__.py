"""Many raters' labels put together to gold labels."""
