"""How much a site is used, day by day, without names and addresses."""
