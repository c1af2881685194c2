"""Submissions: scores of one method on a release, in a file that a stranger sent."""
