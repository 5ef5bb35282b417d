"""The documentation site, made from the Markdown of this repository: `python -m website`."""
