"""The paper's programme: everything it measures, in one command, with our numbers, intervals and definitions."""
