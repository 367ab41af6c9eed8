"""Share the joules of an inference among its operators."""
