"""Add channels up at one boundary, take idle off, and set boundaries side by side."""
