"""The rules of Fairlift: campaigns, audiences, buckets, decisions; only mmh3 beside Python."""
