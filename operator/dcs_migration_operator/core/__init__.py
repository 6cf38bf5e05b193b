"""The pure core: values in, a decision out.

Nothing here reads a clock, does I/O, logs or knows asyncio; only the standard library is imported.
"""
