"""Latent encoders: what a few numbers say of a layer, or of all of them, learnt without any label."""
