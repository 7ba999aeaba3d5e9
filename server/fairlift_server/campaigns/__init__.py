"""Campaigns: their lifecycle, the snapshot built from them, and the live ones in memory."""
