"""People judge attribution methods directly: which highlighting is better, and what can be answered from top words."""
