"""The rules of Fairlift: campaigns, audiences, buckets, decisions. Depends only on mmh3."""
