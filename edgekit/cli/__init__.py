"""Parse, call one flow, print: one file per command."""
