"""Read what a model file holds, without running it: number formats, operators and their versions, tensors."""
