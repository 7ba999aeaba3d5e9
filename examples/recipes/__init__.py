"""Storefronts in five frameworks, each run by tests/client/test_recipes.py; see docs/recipes.md."""
