"""What administrators see of the whole site, and what they may do to it."""
