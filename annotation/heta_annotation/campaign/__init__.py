"""Rounds of labelling: planned, sent, followed and fetched."""
