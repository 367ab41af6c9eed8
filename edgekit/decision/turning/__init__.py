"""Find where the answer turns, which input turns it, and what knowing that input is worth."""
