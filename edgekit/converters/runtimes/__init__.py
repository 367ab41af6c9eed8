"""Run an artifact in the runtime it is meant for. All run in child processes."""
