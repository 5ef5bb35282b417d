"""The state of the walk over the tree: values, names, the block being built, and what one run shares."""
