"""Model power analytically, with exact energy, so that instruments can be emulated."""
