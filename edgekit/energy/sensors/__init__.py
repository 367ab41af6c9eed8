"""Know how a sensor behaves, and turn what it says into usable readings."""
