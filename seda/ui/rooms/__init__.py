"""Rooms on the screen: the big one, and those of phones. What a room is, is `seda/ui/serving/rooms.py`."""
