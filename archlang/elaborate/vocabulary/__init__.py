"""Words: names as they are written, the name that was probably meant, messages about unknown names."""
