"""Sepsis-3: suspicion of infection beside a rise of the SOFA score, from what a study records of both."""
