"""Let every fault of the list happen to the whole tool at once; README.md says which test covers which."""
