"""Plan (pure), conduct (effects), analyse (pure): one file per flow; flows do not import one another."""
