"""Agents: a study asked by a language model through the Model Context Protocol (`clinome mcp STUDY`)."""
