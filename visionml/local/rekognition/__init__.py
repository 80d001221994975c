"""The embedded Rekognition: labels by a registered model, faces and text by the offline engine."""
