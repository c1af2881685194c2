"""Raters with each other."""
