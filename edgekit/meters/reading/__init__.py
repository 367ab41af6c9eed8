"""Share what drivers have in common: turns, lines, streams, dates, options."""
