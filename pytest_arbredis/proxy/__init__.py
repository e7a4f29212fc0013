"""The typed client of a proxy's control API, and toxics as values with units."""
