"""The process that works on a run: started apart, steered by files, seen to be alive.

Nothing in here knows what a run computes. The log stays the only truth about its progress.
"""
