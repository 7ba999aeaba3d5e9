"""Statistical methods on plain numbers: estimates, tests, intervals and corrections."""
