"""Learners on latent variables: principal components or an autoencoder a layer, a factor model or a variational autoencoder of all."""
