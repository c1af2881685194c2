"""Faithfulness: does the model itself depend on what an attribution marks, and does the attribution keep still."""
