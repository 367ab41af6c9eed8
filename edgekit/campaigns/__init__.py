"""Join several edgekit commands by their files."""
