"""eICU Collaborative Research Database: its folder of tables."""
