"""Drawn images: cats, dogs and other things, rendered from a seed, as none may be downloaded."""
