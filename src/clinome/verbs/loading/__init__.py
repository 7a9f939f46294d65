"""What brings a study into the graph and takes it out: init, load, import, remove."""
