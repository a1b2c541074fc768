"""What a team edits: one module a system, each a declaration of its tables. docs/add-a-source.md has one to copy."""
