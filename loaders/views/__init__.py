"""Views: what is known of a patient and is no code and no gene: the texts of notes, vectors of images."""
