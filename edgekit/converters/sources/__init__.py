"""Load a source model in its own framework, run it, and export it to float hubs. One file per framework; all in child processes."""
