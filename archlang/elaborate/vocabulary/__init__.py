"""Words: names as they are written, the name that was probably meant, the refusals of unknown names."""
