"""Bytes become validated pixels: headers, inspection and model input. Pure: no AWS."""
