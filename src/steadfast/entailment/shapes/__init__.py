"""The world of the embedded model: scenes of coloured shapes, sentences about them, and its training."""
