"""What measured child processes do: `python -m benchmarks.work MODULE.FUNCTION ARGUMENT ...`.

Functions print what they return. Modules are imported by the one function that needs them, because
their loading is measured too.
"""
