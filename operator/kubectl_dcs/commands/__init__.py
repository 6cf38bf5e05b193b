"""The commands, one module each: options, the order of the steps, and what is printed.

Logic is in the modules next to this folder, where it can be tested without a terminal.
"""
