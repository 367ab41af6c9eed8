"""State the joules of each window of one channel, and what each effect may have done to them."""
