"""Turn float models into verified artifacts; every converter runs in a child process."""
