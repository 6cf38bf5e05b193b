"""The commands, one module each: options, the order of the steps, and what is printed.

What takes thought is in the modules beside this folder, where it can be tested without a terminal.
"""
