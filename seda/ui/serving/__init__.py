"""What a server owes to many visitors: who may do what, in which order, and whose things are whose."""
