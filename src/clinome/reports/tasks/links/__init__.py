"""Report of a links study: links, learners by query, twins, known and new candidates apart."""
