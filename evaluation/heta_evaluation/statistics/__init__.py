"""Bootstrap, intervals and tests."""
