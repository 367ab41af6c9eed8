"""Say what things are: frozen dataclasses, protocols, units and errors. Nothing here acts."""
