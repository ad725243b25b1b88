"""What of running meetings outlives the process, and how the next one goes on with it.

Only the end of the process matters here, not that of the machine: after that no media flows any
more, and there is nothing to go on with.
"""
