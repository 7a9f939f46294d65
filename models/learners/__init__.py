"""One learner a module; `models.catalogue` says which of them apply to a study."""
