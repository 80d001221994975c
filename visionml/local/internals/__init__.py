"""MiniStack's internals: the only modules that touch them, behind ``visionml.local.ministack``.

MiniStack reads its environment when it is imported, so the server sets that first and imports
these afterwards. ``tests/unit/local/test_ministack_contract.py`` fails when a release of MiniStack
moves anything that is used here.
"""
