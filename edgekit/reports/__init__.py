"""Render decisions as text, Markdown, HTML and charts. Pure."""
