"""Draw what is uncertain, and judge every draw under every accounting convention."""
