"""From an uploaded file to an image that the platform may use: accept or refuse, organise, tell."""
