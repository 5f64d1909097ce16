"""Credit and frames to pictures, tables and words."""
