"""Names and labels: what is claimed, what is near, what is said where a name stands for nothing."""
