"""The pure core: functions that turn facts into a decision.

No module here reads a clock, does I/O, logs or uses asyncio; all import only the standard library.
"""
