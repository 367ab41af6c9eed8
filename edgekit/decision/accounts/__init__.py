"""Count one inference on both sides: joules slot by slot, then carbon, water, money and time."""
