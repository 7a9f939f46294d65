"""Encoders: a batch in, one vector a row out, with a mask that says which rows had that modality."""
