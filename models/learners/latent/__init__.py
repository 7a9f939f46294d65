"""Learners on latent variables: an autoencoder a layer, one variational autoencoder of all layers."""
