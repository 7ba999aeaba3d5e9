"""The one definition of what the data say: exposure → attribution → a row per unit → sums.

Written once, in Ibis; any engine that Ibis speaks runs it. The only package that speaks Ibis.
"""
