"""Hold the published numbers that a decision rests on, and a user's own in their place."""
