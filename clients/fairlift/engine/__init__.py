"""The rules of Fairlift: campaigns, audiences, buckets, decisions; standard library and mmh3 only."""
