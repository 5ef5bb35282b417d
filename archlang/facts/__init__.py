"""Facts about a Graph: what it counts, and what its values see of the input."""
