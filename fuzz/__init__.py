"""Fuzzing with atheris: ``make fuzz SECONDS=...``."""
