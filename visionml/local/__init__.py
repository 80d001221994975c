"""The embedded AWS: MiniStack in one process, with what it lacks added.

Nothing in here imports a room of the product. Handlers and containers are started by name from
what was deployed, as AWS does. MiniStack's internals are touched in ``ministack.py`` alone.
"""
