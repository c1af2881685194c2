"""One method against another: is A better than B, by how much, how sure."""
