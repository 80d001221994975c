"""The notebooks' pictures, in one style: labelled, with units, readable without colour vision."""
