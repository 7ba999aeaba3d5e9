"""What is kept: the only package that speaks SQLAlchemy."""
