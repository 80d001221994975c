"""Bytes become validated pixels, previews and model input; people are hidden. Pure: no AWS."""
