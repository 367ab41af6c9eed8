"""Model how instruments distort the plant's power: ticks, quanta, wraps, part-time sensing, averaging."""
