"""OFA (Wang et al., 2022) for visual entailment: converted once with torch, served without it."""
