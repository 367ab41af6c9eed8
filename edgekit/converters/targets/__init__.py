"""Know what a target can run: one TOML profile per target, and the checks against it."""
