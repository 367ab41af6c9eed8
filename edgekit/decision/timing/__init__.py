"""Find the hours in which work that can wait costs the least carbon."""
