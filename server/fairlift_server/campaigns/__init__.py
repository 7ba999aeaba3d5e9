"""Campaigns: their lifecycle, the snapshot built from them, and the live copy in memory."""
