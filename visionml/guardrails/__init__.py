"""Mistakes in settings and templates that AWS would let pass, or refuse too late."""
