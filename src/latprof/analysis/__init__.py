"""Analysis: what the rows of a run say. Pure functions over arrays, and a thin one over a run."""
