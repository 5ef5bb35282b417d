"""What a walk over the tree knows: values, names, the block being built, and what one run shares."""
