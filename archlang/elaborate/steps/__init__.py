"""Steps to nodes: operators, calls, braces, branches, loops."""
