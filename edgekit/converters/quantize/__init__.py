"""Make lower precisions of a float hub. Runs in child processes; TensorFlow is not needed."""
