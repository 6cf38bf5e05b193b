"""The steps of the walk, one subject each; `walk.py` has their order."""
