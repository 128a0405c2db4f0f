"""Clients that differ: an adapter over frozen features, trained by many who keep their data, and what class texts and SeDA add.

splits       who holds what
material     frozen features, anchors and class texts, scaled
adapter      the network that is trained, and messages of its weights
strategies   FedAvg, FedProx, semantic guidance; averaging
local        what one client does in one round
engines      who runs the clients: Flower (flower.py), or this process
rounds       one federation, resumable
measures     how alike clients' class geometries are
experiment   strategies x seeds, learning rates by validation, the table
picture      class centers over the rounds, for the player
"""
