"""Orris models: registered models, versions, conversions and their parity."""
