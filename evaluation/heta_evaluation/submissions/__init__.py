"""Submissions scored against a release's labels, compared, and put on a page."""
